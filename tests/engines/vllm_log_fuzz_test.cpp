// Whatever is done to a log, it is read and diagnosed in time and memory that its size bounds.
#include <gtest/gtest.h>

#include "planner/engines/log_diagnosis.h"
#include "tests/engines/vllm_logs.h"
#include "tests/input/damage.h"

namespace ppplan::engines {
namespace {

constexpr const char* all_logs[] = {
    logs::v0_5_4_pipeline, logs::v0_6_3,        logs::v0_7_context, logs::v0_7_ray_last_stage,  logs::v0_7_no_kv,
    logs::v0_8_sampler,    logs::v0_9_budget,   logs::v0_9_weights, logs::v0_11_context,        logs::v0_11_started,
    logs::v0_15_graphs,    logs::v0_26_started, logs::serving,      logs::v0_23_graph_estimate, logs::ray_host_memory};

void read_whole(const std::string& text) {
  const VllmLog log = read_vllm_log(text, "damaged.log");
  EXPECT_FALSE(diagnose(log).cause.empty());
  EXPECT_GE(log.parallel.pp, 1);
  const input::Document document(to_json(calibration_of(log)), "calibration");
  EXPECT_EQ(spec::calibration_from_json(document.root()), calibration_of(log));
}

TEST(VllmLogFuzz, DamagedLogsAreRead) {
  tests::Random random(11);
  for (int round = 0; round < 120; ++round)
    for (const char* text : all_logs) {
      std::string damaged = text;
      for (std::size_t times = 1 + tests::below(6, random); times > 0; --times)
        damaged = tests::damaged_text(damaged, random);
      read_whole(damaged);
    }
}

TEST(VllmLogFuzz, LinesInAnyOrderAreRead) {
  tests::Random random(12);
  std::vector<std::string> lines;
  for (const char* text : all_logs) {
    const std::string all = text;
    for (std::size_t begin = 0, end = 0; (end = all.find('\n', begin)) != std::string::npos; begin = end + 1)
      lines.push_back(all.substr(begin, end - begin + 1));
  }
  for (int round = 0; round < 100; ++round) {
    std::string text;
    for (int i = 0; i < 40; ++i) text += lines[tests::below(lines.size(), random)];
    read_whole(text);
  }
}

TEST(VllmLogFuzz, ALineOfMegabytesIsRead) {
  std::string line = "INFO non-default args: {";
  while (line.size() < (std::size_t{4} << 20)) line += "model=None, 'model': '', ";
  read_whole(line + "\n" + logs::v0_9_budget);
  read_whole(std::string(std::size_t{4} << 20, '\x1b') + std::string(std::size_t{4} << 20, '('));
}

TEST(VllmLogFuzz, ManyProcessesAreBounded) {
  std::string text;
  for (int pid = 0; pid < 20'000; ++pid)
    text += "(Worker pid=" + std::to_string(pid) +
            ") INFO Model loading took 1 GiB and torch.OutOfMemoryError: CUDA out of "
            "memory. Tried to allocate 1 GiB\n";
  const VllmLog log = read_vllm_log(text, "many.log");
  EXPECT_LE(log.workers.size(), 16'385u);
  EXPECT_LE(log.failures.size(), 64u);
}

}  // namespace
}  // namespace ppplan::engines
