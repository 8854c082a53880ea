// A search's order, alternatives and counts, and the plans inside of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/verify/documents.h"
#include "tests/verify/falsified.h"

namespace ppplan {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using tests::false_claims;
using tests::is_found;
using tests::with;

TEST(SearchClaims, HoldForARightSearch) { EXPECT_THAT(false_claims(tests::search_document()), IsEmpty()); }

TEST(SearchClaims, AFalseFigureOfAnyPlanIsFoundWithItsPlace) {
  const auto search = tests::search_document();
  ASSERT_GE(search.at("plans").size(), 2u);
  EXPECT_THAT(false_claims(with(search, "/plans/1/stages/0/memory/weights_bytes", 1)),
              Contains(HasSubstr("plan 1: weights")));
}

TEST(SearchClaims, AWorsePlanFirstIsFound) {
  auto search = tests::search_document();
  auto better = search.at("plans").front();
  for (const char* key : {"output_tokens_per_s", "total_tokens_per_s"})
    better["predicted"][key] = 2 * better["predicted"][key].get<double>();
  search["plans"].push_back(better);
  EXPECT_THAT(false_claims(search), Contains(HasSubstr("best first")));
}

TEST(SearchClaims, FalseAlternativesAndCountsAreFound) {
  const auto search = tests::search_document();
  ASSERT_GE(search.at("alternatives").size(), 2u);
  auto twice = search;
  twice["alternatives"].push_back(search.at("alternatives")[0]);
  EXPECT_TRUE(is_found(twice));
  EXPECT_TRUE(is_found(with(search, "/alternatives/0/reason", "")));
  EXPECT_TRUE(is_found(with(search, "/alternatives/0/verdict", "MAYBE")));
  EXPECT_TRUE(is_found(with(search, "/counts/evaluated", 0)));
  EXPECT_TRUE(is_found(with(search, "/counts/simulated", -1)));
  EXPECT_TRUE(is_found(with(search, "/feasible", false)));
}

TEST(SearchClaims, ABeatenMemberOfTheParetoSetIsFound) {
  auto search = tests::search_document();
  auto worse = search.at("pareto")[0];
  worse["kv_tokens"] = worse["kv_tokens"].get<std::int64_t>() / 2;
  worse["output_tokens_per_s"] = worse["output_tokens_per_s"].get<double>() / 2;
  worse["ttft_s"] = worse["ttft_s"].get<double>() * 2;
  search["pareto"].push_back(worse);
  EXPECT_TRUE(is_found(search));
}

}  // namespace
}  // namespace ppplan
