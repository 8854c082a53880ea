// Verdicts and KV bytes of the program against start-ups that other people reported, most of them not known when the
// account was made.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "planner/input/document.h"
#include "tests/source_dir.h"
#include "tests/tools/command.h"

namespace ppplan {
namespace {

using input::Node;
using Json = nlohmann::json;

constexpr double gibi = 1024.0 * 1024 * 1024;
const std::string folder = tests::source_dir() + "/tests/cost/";

struct Case {
  std::string id;
  bool dies = false;
  bool held_out = true;  // none of its figures set a constant
  std::string verdict;
  double budget_gib = 0;
  double kv_gib = 0;
  double band_gib = 0;
  double stated_kv_gib = 0;  // 0 = not stated, or of a command that guesses
  bool explained = true;
};

std::string command_of(const Node& entry) {
  std::string line = "--format json check " + entry.at("check").text();
  const std::string mark = "MODELS/";
  if (const auto at = line.find(mark); at != std::string::npos)
    line.replace(at, mark.size(), folder + "public_models/");
  return line;
}

/// Of the stage that the log speaks of, or else of the one with least.
Json memory_of(const Json& document, const Node& entry) {
  const Json& stages = document.at("stages");
  if (const auto stage = entry.find("stage")) return stages.at(stage->count(0)).at("memory");
  Json least = stages.at(0).at("memory");
  for (const Json& stage : stages)
    if (stage.at("memory").at("kv_bytes") < least.at("kv_bytes")) least = stage.at("memory");
  return least;
}

Case run(const Node& entry) {
  Case out;
  out.id = entry.at("id").text();
  out.dies = entry.at("outcome").text() == "dies";
  out.held_out = entry.at("sets").items().empty();
  out.explained = !entry.find("unexplained");
  if (const auto stated = entry.find("kv_gib"); stated && !entry.find("guess")) out.stated_kv_gib = stated->number();
  const tests::Outcome outcome = tests::ppplan(command_of(entry));
  EXPECT_TRUE(outcome.status == 0 || outcome.status == 3) << out.id << ": " << outcome.err;
  const Json document = Json::parse(outcome.out, nullptr, false);
  if (document.is_discarded()) return out;
  const Json memory = memory_of(document, entry);
  out.verdict = document.at("verdict").get<std::string>();
  out.kv_gib = memory.at("kv_bytes").get<double>() / gibi;
  out.band_gib = memory.at("kv_uncertainty_bytes").get<double>() / gibi;
  out.budget_gib = memory.at("budget_bytes").get<double>() / gibi;
  return out;
}

const std::vector<Case>& cases() {
  static const input::Document document = input::read_document(folder + "public_threads.json");
  static const std::vector<Case> known = [] {
    std::vector<Case> out;
    for (const Node& entry : document.root().at("cases").items()) out.push_back(run(entry));
    return out;
  }();
  return known;
}

TEST(PublicThreads, WhatDiedIsNeverSaidToFit) {
  for (const Case& it : cases()) {
    if (it.dies) {
      EXPECT_NE(it.verdict, "FITS") << it.id;
    }
  }
}

TEST(PublicThreads, WhatServedIsNeverSaidToRunOutOfMemory) {
  for (const Case& it : cases()) {
    if (!it.dies) {
      EXPECT_NE(it.verdict, "OOM") << it.id;
    }
  }
}

TEST(PublicThreads, TightIsSaidOfAQuarterAtMost) {
  const auto tight =
      std::count_if(cases().begin(), cases().end(), [](const Case& it) { return it.verdict == "TIGHT"; });
  EXPECT_LE(4 * tight, static_cast<std::ptrdiff_t>(cases().size()));
}

/// A part of the budget, since what is off is off by the uses that the budget holds, however little they leave.
double error_of(const Case& it) { return std::abs(it.kv_gib - it.stated_kv_gib) / it.budget_gib; }

TEST(PublicThreads, KvBytesAreWithinTwoPercentOfTheBudget) {
  for (const Case& it : cases()) {
    if (it.stated_kv_gib != 0 && it.explained) {
      EXPECT_LE(error_of(it), 0.02) << it.id << ": " << it.kv_gib << " GiB, stated " << it.stated_kv_gib;
    }
  }
}

TEST(PublicThreads, HeldOutKvBytesAreWithinOnePercentOfTheBudgetInTheMedian) {
  std::vector<double> errors;
  for (const Case& it : cases())
    if (it.stated_kv_gib != 0 && it.held_out) errors.push_back(error_of(it));
  ASSERT_FALSE(errors.empty());
  std::nth_element(errors.begin(), errors.begin() + static_cast<std::ptrdiff_t>(errors.size() / 2), errors.end());
  EXPECT_LE(errors[errors.size() / 2], 0.01);
}

TEST(PublicThreads, TheBandHoldsFourOfFiveHeldOutKvFigures) {
  int stated = 0, held = 0;
  for (const Case& it : cases()) {
    if (it.stated_kv_gib == 0 || !it.held_out) continue;
    ++stated;
    if (std::abs(it.kv_gib - it.stated_kv_gib) <= it.band_gib) ++held;
  }
  ASSERT_GT(stated, 0);
  EXPECT_GE(5 * held, 4 * stated) << held << " of " << stated;
}

}  // namespace
}  // namespace ppplan
