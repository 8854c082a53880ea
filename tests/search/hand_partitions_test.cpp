// Partitions that people found by hand: the search proposes them, or one that its own check ranks no lower.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "planner/input/document.h"
#include "tests/source_dir.h"
#include "tests/tools/command.h"

namespace ppplan {
namespace {

using input::Node;
using Json = nlohmann::json;

const std::string folder = tests::source_dir() + "/tests/";

std::string inputs_of(const Node& entry) {
  std::string line = entry.at("search").text();
  const std::string mark = "MODELS/";
  if (const auto at = line.find(mark); at != std::string::npos)
    line.replace(at, mark.size(), folder + "cost/public_models/");
  return line;
}

Json answer(const std::string& command) {
  const tests::Outcome outcome = tests::ppplan("--format json " + command);
  EXPECT_TRUE(outcome.status == 0 || outcome.status == 3) << command << ": " << outcome.err;
  return Json::parse(outcome.out, nullptr, false);
}

int rank_of(const Json& plan) {
  const auto verdict = plan.at("verdict").get<std::string>();
  return verdict == "FITS" ? 2 : verdict == "TIGHT" ? 1 : 0;
}

/// What the goal asks most of: tokens of a replica's KV cache, or answered tokens a second.
double figure_of(const Json& plan, const std::string& inputs) {
  const bool context = inputs.find("--goal max-context") != std::string::npos;
  return plan.at("predicted").at(context ? "kv_tokens" : "output_tokens_per_s").get<double>();
}

std::string partition_of(const Json& plan) {
  std::string out;
  for (const Json& layers : plan.at("partition")) out += (out.empty() ? "" : ",") + layers.dump();
  return out;
}

const std::vector<Node>& cases() {
  static const input::Document document = input::read_document(folder + "search/hand_partitions.json");
  static const std::vector<Node> known = document.root().at("cases").items();
  return known;
}

TEST(HandPartitions, AreProposedOrBeaten) {
  for (const Node& entry : cases()) {
    const std::string inputs = inputs_of(entry);
    const std::string partition = entry.at("partition").text();
    const Json plans = answer("search " + inputs + " --top 5").at("plans");
    ASSERT_FALSE(plans.empty()) << inputs;
    const bool proposed =
        std::any_of(plans.begin(), plans.end(), [&](const Json& plan) { return partition_of(plan) == partition; });
    const Json hand = answer("check " + inputs + " --partition " + partition);
    const Json& best = plans.front();
    const bool beaten = rank_of(best) > rank_of(hand) ||
                        (rank_of(best) == rank_of(hand) && figure_of(best, inputs) >= figure_of(hand, inputs));
    EXPECT_TRUE(proposed || beaten) << inputs << ": " << partition << " gives " << figure_of(hand, inputs) << ", "
                                    << partition_of(best) << " " << figure_of(best, inputs);
  }
}

/// By more than what the search calls no difference; KV tokens are counted.
TEST(HandPartitions, AreNotBetterThanTheBestOfTheSearch) {
  for (const Node& entry : cases()) {
    const std::string inputs = inputs_of(entry);
    const Json best = answer("search " + inputs + " --top 1").at("plans").front();
    const Json hand = answer("check " + inputs + " --partition " + entry.at("partition").text());
    if (rank_of(best) != rank_of(hand)) continue;
    const double width = inputs.find("max-context") == std::string::npos ? 0.01 : 0;
    EXPECT_GE(figure_of(best, inputs), (1 - width) * figure_of(hand, inputs)) << inputs << ": " << partition_of(best);
  }
}

TEST(HandPartitions, HoldMoreThanThoseMeasuredBehindThem) {
  for (const Node& entry : cases()) {
    const auto worse = entry.find("worse");
    if (!worse) continue;
    const std::string inputs = inputs_of(entry);
    const Json hand = answer("check " + inputs + " --partition " + entry.at("partition").text());
    const Json other = answer("check " + inputs + " --partition " + worse->text());
    EXPECT_GT(figure_of(hand, inputs), figure_of(other, inputs)) << inputs;
  }
}

}  // namespace
}  // namespace ppplan
