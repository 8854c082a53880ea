// Facts that logs of many versions tell, whatever stands before their lines.
#include "planner/engines/vllm_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <sstream>

#include "planner/engines/log_diagnosis.h"
#include "tests/engines/vllm_logs.h"

namespace ppplan::engines {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::int64_t gib(double value) { return std::llround(value * std::ldexp(1.0, 30)); }
VllmLog read(const std::string& text) { return read_vllm_log(text, "server.log"); }

TEST(VllmLog, WorkersOfTheFirstPipelinesAreKnownByTheirOrder) {
  const VllmLog log = read(logs::v0_5_4_pipeline);
  EXPECT_EQ(log.version, "0.5.4");
  EXPECT_EQ(log.parallel, (spec::Parallel{.tp = 1, .pp = 2, .dp = 1}));
  ASSERT_EQ(log.workers.size(), 2u);
  EXPECT_EQ(log.workers[0].stage, 0);
  EXPECT_EQ(log.workers[0].weights_bytes, gib(7.48));
  EXPECT_EQ(log.workers[1].stage, 1);
  EXPECT_EQ(log.workers[1].weights_bytes, gib(7.5));
  EXPECT_TRUE(log.workers[1].rank_assumed);
  EXPECT_EQ(log.kv_blocks, 7312);
  EXPECT_EQ(log.max_model_len, 8192);
  EXPECT_EQ(log.utilization, 0.9);
  EXPECT_TRUE(log.started);
}

TEST(VllmLog, ActivationsAreThePeakAboveTheWeights) {
  const VllmLog log = read(logs::v0_6_3);
  ASSERT_EQ(log.workers.size(), 1u);
  EXPECT_EQ(log.workers[0].activation_bytes, gib(18.64) - gib(14.2487));
  EXPECT_EQ(log.workers[0].non_torch_bytes, gib(0.49));
  EXPECT_EQ(log.workers[0].kv_bytes, gib(2.14));
  EXPECT_EQ(log.workers[0].total_bytes, gib(23.64));
  EXPECT_EQ(log.max_concurrency, 1.22);
}

TEST(VllmLog, TheAccountOfEveryWorkerIsRead) {
  const VllmLog log = read(logs::v0_7_context);
  ASSERT_EQ(log.workers.size(), 2u);
  for (const LogWorker& worker : log.workers) {
    EXPECT_EQ(worker.stage, 0);
    EXPECT_EQ(worker.weights_bytes, gib(13.95));
    EXPECT_EQ(worker.activation_bytes, gib(0.19));
    EXPECT_EQ(worker.total_bytes, gib(23.55));
  }
  EXPECT_EQ(log.utilization, 0.98);
  EXPECT_EQ(log.kv_blocks, 5096);
  EXPECT_EQ(observations(log).front().kv_bytes, gib(8.69));  // of the two ranks the tighter
}

TEST(VllmLog, ASentenceMayGoOverTwoLines) {
  const VllmLog log = read(logs::v0_7_no_kv);
  ASSERT_EQ(log.workers.size(), 1u);
  EXPECT_EQ(log.workers[0].kv_bytes, gib(-7.83));
  EXPECT_EQ(log.workers[0].activation_bytes, gib(4.93));
  EXPECT_EQ(log.workers[0].non_torch_bytes, gib(8.29));
}

TEST(VllmLog, CapacitiesOfWorkersAreKeptApartWhenEachToldItsOwn) {
  const VllmLog log = read(logs::v0_8_sampler);
  ASSERT_EQ(log.workers.size(), 2u);
  EXPECT_EQ(log.workers[0].kv_tokens, 60'912);
  EXPECT_EQ(log.workers[1].kv_tokens, 58'256);
  EXPECT_EQ(log.kv_tokens, 58'256);
}

TEST(VllmLog, TheStagesThatToldNothingAreNamed) {
  const VllmLog log = read(logs::v0_23_graph_estimate);
  EXPECT_THAT(stages_seen(log), ElementsAre(0));
  EXPECT_THAT(stages_not_seen(log), ElementsAre(1));
  EXPECT_THAT(seen_text(log), HasSubstr("stage 0 of 2 told its memory; stage 1 did not"));
  EXPECT_THAT(seen_text(log), HasSubstr("VLLM_LOGGING_LEVEL=DEBUG"));
  EXPECT_THAT(seen_text(read(logs::v0_7_ray_last_stage)), HasSubstr("RAY_DEDUP_LOGS=0"));
  EXPECT_TRUE(log.v2_runner);
}

TEST(VllmLog, ASumOfWeightsAndOthersIsTakenApart) {
  const VllmLog log = read(logs::v0_26_started);
  ASSERT_EQ(log.workers.size(), 1u);
  const LogWorker& worker = log.workers[0];
  EXPECT_EQ(worker.weights_bytes, gib(82));
  EXPECT_EQ(worker.consumed_bytes, gib(82.69));
  EXPECT_EQ(worker.non_torch_bytes, gib(0.69));
  EXPECT_EQ(worker.activation_bytes, gib(1.66));
  EXPECT_EQ(worker.graph_bytes, gib(0.19));
  EXPECT_EQ(worker.kv_bytes, gib(8.28));
  EXPECT_EQ(worker.free_bytes, gib(93.83));
  EXPECT_EQ(worker.total_bytes, gib(95.01));
  EXPECT_EQ(log.kv_tokens, 454'384);
  EXPECT_EQ(log.max_concurrency, 3.47);
  EXPECT_EQ(log.batches_in_flight, 2);
  EXPECT_EQ(log.version, "0.26.0");
}

TEST(VllmLog, APlanIsReadFromWhatItWasTold) {
  const InputFromLog input = input_from_log(read(logs::v0_11_started));
  const std::map<std::string, std::string> expected = {
      {"--model", "Qwen/Qwen3-30B-A3B"}, {"--tp", "2"},         {"--pp", "2"},           {"--dp", "1"},
      {"--max-model-len", "32768"},      {"--kv-dtype", "fp8"}, {"--enforce-eager", ""}, {"--vllm", "0.11.2"}};
  EXPECT_EQ(input.flags, expected);
  EXPECT_EQ(input.gpu_memory_bytes, gib(23.57));
  EXPECT_THAT(input.gpu_candidates, testing::Contains("rtx4090"));
}

TEST(VllmLog, ThePartitionIsRead) {
  EXPECT_THAT(read(logs::v0_9_weights).partition, ElementsAre(8, 8, 9, 8));
  EXPECT_EQ(input_from_log(read(logs::v0_9_weights)).flags.at("--partition"), "8,8,9,8");
  const VllmLog line =
      read("$ VLLM_PP_LAYER_PARTITION=16,32 vllm serve m\n(Worker_PP1 pid=1) Model loading took 2 GiB\n");
  EXPECT_THAT(line.partition, ElementsAre(16, 32));
}

TEST(VllmLog, ObservationsAreOfEachStageAndOfTheEngine) {
  const auto found = observations(read(logs::v0_11_started));
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].stage, 0);
  EXPECT_EQ(found[0].kv_bytes, gib(5.80));  // the tighter of two ranks
  EXPECT_EQ(found[1].stage, 1);
  EXPECT_EQ(found[1].weights_bytes, gib(14.9));
  EXPECT_EQ(found[1].activation_bytes, gib(2.1));
  EXPECT_EQ(found[1].graph_bytes, gib(0.25));
  EXPECT_EQ(found[2], (spec::Observation{.kv_tokens = 170'816}));
  const spec::Calibration calibration = calibration_of(read(logs::v0_11_started));
  EXPECT_EQ(calibration.parallel, (spec::Parallel{.tp = 2, .pp = 2, .dp = 1}));
  EXPECT_EQ(calibration.observations, found);
  const input::Document document(to_json(calibration), "calibration");
  EXPECT_EQ(spec::calibration_from_json(document.root()), calibration);
}

TEST(VllmLog, OfSeveralStartsTheLastCounts) {
  const VllmLog log = read(std::string(logs::v0_9_weights) + logs::v0_26_started);
  VllmLog last = read(logs::v0_26_started);
  EXPECT_EQ(log.starts, 2);
  EXPECT_EQ(log.version, last.version);
  EXPECT_EQ(log.workers, last.workers);
  EXPECT_FALSE(log.failure);
  EXPECT_THAT(log.partition, IsEmpty());
}

std::string with_each_line(const std::string& text, const std::function<std::string(const std::string&)>& change) {
  std::istringstream in(text);
  std::string out;
  for (std::string line; std::getline(in, line);) out += change(line);
  return out;
}

TEST(VllmLog, WhatStandsAroundALineChangesNoFact) {
  const std::function<std::string(const std::string&)> around[] = {
      [](const std::string& line) { return line + "\r\n"; },
      [](const std::string& line) { return "\x1b[0;36m" + line + "\x1b[0m\n"; },
      [](const std::string& line) { return "2026-01-01T00:00:00.123456789Z stderr F " + line + "\n"; },
      [](const std::string& line) { return "Jan 01 00:00:00 host vllm[4711]: " + line + "\n"; },
      [](const std::string& line) { return "vllm-1  | " + line + "\n"; }};
  for (const char* text :
       {logs::v0_5_4_pipeline, logs::v0_6_3, logs::v0_7_context, logs::v0_7_no_kv, logs::v0_8_sampler,
        logs::v0_9_budget, logs::v0_9_weights, logs::v0_11_context, logs::v0_11_started, logs::v0_15_graphs,
        logs::v0_23_graph_estimate, logs::v0_26_started, logs::serving}) {
    const VllmLog plain = read(text);
    for (const auto& change : around) {
      VllmLog other = read(with_each_line(text, change));
      EXPECT_EQ(other.workers, plain.workers) << text;
      EXPECT_EQ(other.settings, plain.settings) << text;
      EXPECT_EQ(other.kv_tokens, plain.kv_tokens);
      EXPECT_EQ(other.started, plain.started);
      Diagnosis same = diagnose(other);
      EXPECT_EQ(same.place, diagnose(plain).place) << text;
      EXPECT_EQ(same.stage, diagnose(plain).stage) << text;
    }
  }
}

TEST(VllmLog, AnythingElseIsSaidToBeNoLog) {
  for (const std::string& text : {std::string(), std::string("\0\1\2\xff\xfe", 5), std::string("{\"a\": [1, 2]}\n")}) {
    const Diagnosis found = diagnose(read(text));
    EXPECT_EQ(found.place, "no log");
    EXPECT_THAT(found.cause, HasSubstr("no line of vLLM was found"));
  }
}

}  // namespace
}  // namespace ppplan::engines
