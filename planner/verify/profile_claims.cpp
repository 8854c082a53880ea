#include <fmt/format.h>

#include <set>

#include "planner/verify/claim.h"
#include "planner/verify/claims.h"

namespace ppplan::verify {
namespace {

using input::Node;

double number_or(const Node& node, const char* key, double otherwise) {
  const auto found = node.find(key);
  return found ? found->number() : otherwise;
}

std::string text_or_empty(const Node& node, const char* key) {
  const auto found = node.find(key);
  return found ? found->json().dump() : "";
}

std::vector<Node> items_of(const Node& profile, const char* key) {
  const auto found = profile.find(key);
  return found ? found->items() : std::vector<Node>();
}

Check content_claim(const Node& profile) {
  Claim claim("a profile names its engine and device and holds a measurement");
  claim.require("engine", !profile.at("engine").text().empty(), "no name");
  claim.require("device", !profile.at("device").text().empty(), "no name");
  claim.require("", !items_of(profile, "operations").empty() || !items_of(profile, "links").empty(),
                "neither operation nor link");
  return claim.check();
}

Check quantiles_claim(const std::vector<Node>& operations) {
  Claim claim("times are above 0, and the 10th percentile <= median <= the 90th");
  for (std::size_t i = 0; i < operations.size(); ++i) {
    const double median = operations[i].at("median_s").number();
    const double p10 = number_or(operations[i], "p10_s", median);
    const double p90 = number_or(operations[i], "p90_s", median);
    claim.require(fmt::format("operation {}", i), p10 > 0 && p10 <= median && median <= p90,
                  fmt::format("{}, {}, {}", p10, median, p90));
  }
  return claim.check();
}

Check counts_claim(const std::vector<Node>& operations) {
  Claim claim("tokens, sequences, ranks and repeats are at least 1, cached tokens and dimensions at least 0");
  for (std::size_t i = 0; i < operations.size(); ++i) {
    const Node& op = operations[i];
    const bool counts = op.at("tokens").integer() >= 1 && op.at("batch").integer() >= 1 &&
                        op.at("kv_tokens").integer() >= 0 && number_or(op, "tp", 1) >= 1 &&
                        number_or(op, "repeats", 1) >= 1;
    bool dimensions = true;
    if (const auto shape = op.find("shape"))
      for (const std::string& key : shape->keys()) dimensions = dimensions && shape->at(key).number() >= 0;
    claim.require(fmt::format("operation {}", i), counts && dimensions, "less");
  }
  return claim.check();
}

Check once_claim(const std::vector<Node>& operations) {
  Claim claim("no operation is listed twice at one size");
  std::set<std::string> seen;
  for (std::size_t i = 0; i < operations.size(); ++i) {
    std::string key;
    for (const char* member : {"op", "dtype", "shape", "tp", "tokens", "batch", "kv_tokens"})
      key += text_or_empty(operations[i], member) + "|";
    claim.require(fmt::format("operation {}", i), seen.insert(key).second, "it again");
  }
  return claim.check();
}

Check links_claim(const std::vector<Node>& links) {
  Claim claim("messages have bytes, a time above 0 and at least two ranks");
  for (std::size_t i = 0; i < links.size(); ++i)
    claim.require(fmt::format("link {}", i),
                  links[i].at("bytes").integer() >= 1 && links[i].at("median_s").number() > 0 &&
                      number_or(links[i], "ranks", 2) >= 2,
                  "less");
  return claim.check();
}

Check errors_claim(const std::vector<Node>& errors) {
  Claim claim("errors on held-out rows have samples, and their median is at most their 90th percentile");
  for (std::size_t i = 0; i < errors.size(); ++i) {
    const double median = errors[i].at("median").number();
    const double p90 = errors[i].at("p90").number();
    claim.require(fmt::format("error {}", i), errors[i].at("samples").integer() >= 1 && median >= 0 && median <= p90,
                  fmt::format("{} and {}", median, p90));
  }
  return claim.check();
}

}  // namespace

Checks profile_claims(const Node& profile) {
  const auto operations = items_of(profile, "operations");
  return {content_claim(profile),
          quantiles_claim(operations),
          counts_claim(operations),
          once_claim(operations),
          links_claim(items_of(profile, "links")),
          errors_claim(items_of(profile, "errors"))};
}

}  // namespace ppplan::verify
