// A profile that is ended and started again, by the program on the doubles of CUDA: what was measured is taken up,
// once, and nothing is mixed or overwritten that should not be. Not a run on a GPU: times mean nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <thread>

#include "tests/tools/command.h"
#include "tests/tools/job.h"

namespace ppplan::tests {
namespace {

using testing::HasSubstr;
using Json = nlohmann::json;

// Prefill of 16, 32 tokens after 0, 64; decode of 1, 2, 4 sequences with 16, 64; 1, 2, ... 32 rows of the embedding,
// 1, 2, 4 of the head. Four rounds of five samples each.
constexpr std::size_t kPoints = 4 + 6 + 6 + 3;
constexpr int kRepeats = 20;
constexpr std::size_t kMessages = 4;  // of 1, 4, 16, 64 KiB

void set_double(const std::string& words = "") { setenv("PPPLAN_DOUBLE", ("tick_us=1000 " + words).c_str(), 1); }

std::string model(int layers = 4) {
  const std::string path = scratch("config.json");
  std::ofstream(path) << R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64,
    "intermediate_size": 32, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 64, "vocab_size": 48,
    "max_position_embeddings": 8192, "rms_norm_eps": 1e-5, "torch_dtype": "bfloat16", "num_hidden_layers": )"
                      << layers << "}";
  return path;
}

std::string line(const std::string& out, const std::string& more = "") {
  return "profile --backend cuda --model " + model() +
         " --max-tokens 32 --max-batch 4 --max-kv 64 --max-message 65536 --warm-up 0 --seconds 10000 --out " + out +
         more;
}

std::vector<std::string> words(const std::string& text) {
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), {}};
}

std::string content(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

Json read(const std::string& path) { return Json::parse(content(path)); }

std::size_t points_in(const Json& partial) {
  std::size_t count = 0;
  for (const Json& group : partial.at("groups")) count += group.at("points").size();
  return count;
}

/// Ends a profile by a signal once points of it are kept; what is then in OUT.partial. Whenever that is read, it is
/// whole.
Json ended_by(int signal, const std::string& out, int status) {
  Job job(words(line(out)));
  for (;;) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    const std::string kept = content(out + ".partial");
    if (!kept.empty() && points_in(Json::parse(kept)) > 0) break;
    if (!is_alive(job.process())) ADD_FAILURE() << job.err();
    if (!is_alive(job.process())) break;
  }
  kill(job.process(), signal);
  EXPECT_EQ(job.ended(60), status) << job.err();
  EXPECT_EQ(job.out(), "");
  EXPECT_FALSE(std::filesystem::exists(out));
  return read(out + ".partial");
}

/// Every point and message once, and as many samples of each as of a run that nothing ended.
void expect_whole(const std::string& out) {
  const Json profile = read(out);
  for (const char* list : {"operations", "eager"}) {
    std::set<std::string> names;
    for (Json operation : profile.at(list)) {
      EXPECT_EQ(operation.at("repeats"), kRepeats) << operation;
      for (const char* time : {"median_s", "p10_s", "p90_s"}) operation.erase(time);
      names.insert(operation.dump());
    }
    EXPECT_EQ(profile.at(list).size(), kPoints);
    EXPECT_EQ(names.size(), kPoints);
  }
  EXPECT_EQ(profile.at("links").size(), kMessages);
  EXPECT_FALSE(std::filesystem::exists(out + ".partial"));
}

TEST(ResumedProfile, AKilledOneIsGoneOnWithAndMeasuresTheRestOnce) {
  set_double();
  const std::string out = scratch("killed.json");
  Json partial = ended_by(SIGKILL, out, 128 + SIGKILL);
  ASSERT_LT(points_in(partial), kPoints);
  // Samples that no clock of the double gives, so that what was taken up shows in the result.
  constexpr double kMark_s = 12345;
  for (Json& group : partial.at("groups"))
    for (Json& point : group.at("points"))
      for (Json& sample : point.at("graph_s")) sample = kMark_s;
  std::ofstream(out + ".partial") << partial;
  const Outcome outcome = ppplan(line(out));
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("going on from " + out + ".partial: " + std::to_string(points_in(partial))));
  expect_whole(out);
  const Json profile = read(out);
  EXPECT_EQ(profile.at("machine").at("earlier_dates"), partial.at("machine").at("date"));
  std::size_t marked = 0;
  for (const Json& operation : profile.at("operations")) marked += operation.at("p90_s") == kMark_s ? 1 : 0;
  EXPECT_EQ(marked, points_in(partial));
  // The same products as of a run that nothing ended: four of a layer and one of the head for each number of rows.
  EXPECT_EQ(profile.at("gemms").size(), 4u * 5u + 3u);
}

TEST(ResumedProfile, CtrlCSaysHowToGoOn) {
  set_double();
  const std::string out = scratch("interrupted.json");
  ended_by(SIGINT, out, 6);
  const Outcome outcome = ppplan(line(out));
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("going on from " + out + ".partial"));
  expect_whole(out);
}

TEST(ResumedProfile, AnotherMachineOrModelIsNamedAndMeasuredAnew) {
  set_double();
  const std::string out = scratch("changed.json");
  const std::string partial = ended_by(SIGKILL, out, 128 + SIGKILL).dump();
  set_double("processors=8");
  const Outcome machine = ppplan(line(out));
  EXPECT_EQ(machine.status, 0);
  EXPECT_THAT(machine.err, HasSubstr("measured with another gpu_processors (4, now 8): measuring anew"));
  expect_whole(out);
  EXPECT_FALSE(read(out).at("machine").contains("earlier_dates"));

  set_double();
  std::filesystem::remove(out);
  std::ofstream(out + ".partial") << partial;
  const std::string other = line(out);
  model(5);  // in the same file
  const Outcome layers = ppplan(other);
  EXPECT_EQ(layers.status, 0);
  EXPECT_THAT(layers.err, HasSubstr("measured with another model"));
  expect_whole(out);
}

TEST(ResumedProfile, WhatIsNoProfileIsNeverOverwritten) {
  set_double();
  const std::string whole = R"({"format": "ppplan/profile-partial/1", "machine": {}, "model": {}, "dates": [], )"
                            R"("groups": [{"kind": "tail"}], "links": []})";
  for (const std::string end : {"", ".partial"}) {
    for (const std::string& text :
         {std::string("notes of mine\n"), whole.substr(0, 60), whole, std::string(R"({"format": "ppplan/plan/1"})")}) {
      const std::string out = scratch("foreign.json");
      std::filesystem::remove(out);
      std::ofstream(out + end) << text;
      const Outcome outcome = ppplan(line(out));
      EXPECT_EQ(outcome.status, 2) << outcome.err;
      EXPECT_THAT(outcome.err, HasSubstr("nothing is overwritten: " + out + end + ": "));
      EXPECT_EQ(content(out + end), text);
    }
  }
}

TEST(ResumedProfile, AFinishedOneIsReplacedByItsLikeAlone) {
  set_double();
  const std::string out = scratch("finished.json");
  const auto profile = [](const std::string& name) {
    return R"({"format": "ppplan/profile/1", "engine": "ppplan 0.1", "device": "cuda-double-no-gpu", )"
           R"("machine": {"model": ")" +
           name + "\"}}";
  };
  std::ofstream(out) << profile("llama8b");
  const Outcome refused = ppplan(line(out));
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, HasSubstr("found one of llama8b on cuda-double-no-gpu with ppplan 0.1"));
  EXPECT_EQ(content(out), profile("llama8b"));
  std::ofstream(out) << profile(model());
  const Outcome replaced = ppplan(line(out));
  EXPECT_EQ(replaced.status, 0) << replaced.err;
  EXPECT_THAT(replaced.err, HasSubstr("is a finished profile; it is replaced"));
  expect_whole(out);
}

TEST(ResumedProfile, AFolderThatIsNotThereIsToldAtOnce) {
  set_double();
  const Outcome outcome = ppplan(line(scratch("no") + "/such/profile.json"));
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.err, HasSubstr("a place that can be written"));
}

}  // namespace
}  // namespace ppplan::tests
