// ppplan run --schedule: training schedules in replay and with real layers. Tolerances are wide: what is asserted is
// that every operation runs and that numbers equal those of one device, not how long it took.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/tools/command.h"

namespace ppplan::tests {
namespace {

using Json = nlohmann::json;

std::string schedule_file(const std::string& kind, int ranks, int micro_batches) {
  const std::string path = scratch(kind + ".json");
  const Outcome outcome = ppplan("schedule --kind " + kind + " --stages " + std::to_string(ranks) +
                                 " --micro-batches " + std::to_string(micro_batches) + " --out " + path);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  return path;
}

std::string small_model() {
  const std::string path = scratch("small.json");
  std::ofstream(path) << R"({"architectures": ["LlamaForCausalLM"], "hidden_size": 32, "num_hidden_layers": 4,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "intermediate_size": 48, "vocab_size": 64,
    "max_position_embeddings": 128, "tie_word_embeddings": false, "torch_dtype": "float32", "rope_theta": 10000.0,
    "rms_norm_eps": 1e-05})";
  return path;
}

TEST(ScheduleRun, ReplaysOrdersOfEveryShape) {
  for (const char* kind : {"gpipe", "1f1b", "interleaved", "zb-h2", "zbv-torch", "dualpipe", "dualpipev"}) {
    const Outcome outcome = ppplan("run --compute replay --repeats 1 --tolerance 100 --format json --schedule " +
                                   schedule_file(kind, 2, 4));
    ASSERT_EQ(outcome.status, 0) << kind << ": " << outcome.err;
    const Json run = Json::parse(outcome.out);
    EXPECT_EQ(run.at("format"), "ppplan/run/1");
    EXPECT_EQ(run.at("outputs_match"), nullptr);
    // The median operation lasts 1 (a forward) to 3 (a pair) and is replayed in 5 ms.
    EXPECT_GE(run.at("time_scale").get<double>(), 5e-3 / 3 * 0.999) << kind;
    EXPECT_LE(run.at("time_scale").get<double>(), 5e-3 * 1.001) << kind;
  }
}

TEST(ScheduleRun, TrainsAsOneDeviceDoes) {
  if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "two ranks need two cores";
  for (const char* kind : {"1f1b", "zb-h1", "zbv-torch", "dualpipe"}) {
    const Outcome outcome = ppplan("run --compute real --repeats 2 --tolerance 1000 --isl 6 --format json --model " +
                                   small_model() + " --schedule " + schedule_file(kind, 2, 4));
    ASSERT_EQ(outcome.status, 0) << kind << ": " << outcome.err;
    const Json run = Json::parse(outcome.out);
    EXPECT_EQ(run.at("outputs_match"), true) << kind;
    EXPECT_EQ(run.at("gradients_match"), true) << kind;
    EXPECT_EQ(run.at("weights_match"), true) << kind;
    EXPECT_EQ(run.at("released_by_input_gradient"), 0) << kind;
    const Json& peaks = run.at("peak_activation_bytes");
    for (std::size_t rank = 0; rank < 2; ++rank) {
      EXPECT_EQ(peaks.at("measured").at(rank).get<double>(), peaks.at("predicted").at(rank).get<double>()) << kind;
    }
  }
}

TEST(ScheduleRun, RefusesBadInput) {
  const std::string path = schedule_file("1f1b", 2, 2);
  EXPECT_EQ(ppplan("run").status, 2);
  EXPECT_EQ(ppplan("run --schedule " + path).status, 2);  // real compute without a model
  EXPECT_EQ(ppplan("run --partition 1,1 --model " + small_model() + " --schedule " + path).status, 2);
  EXPECT_EQ(ppplan("run --isl 0 --model " + small_model() + " --schedule " + path).status, 2);
  EXPECT_EQ(ppplan("run --dp 100000 --model " + small_model() + " --schedule " + path).status, 4);
}

}  // namespace
}  // namespace ppplan::tests
