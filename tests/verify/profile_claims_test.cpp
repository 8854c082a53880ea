// Profiles and clusters.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/verify/documents.h"
#include "tests/verify/falsified.h"
#include "traces/profile_json.h"

namespace ppplan {
namespace {

using testing::IsEmpty;
using tests::false_claims;
using tests::is_found;
using tests::with;

TEST(ProfileClaims, HoldForARightProfileAndTheShippedOnes) {
  EXPECT_THAT(false_claims(tests::profile_document()), IsEmpty());
  for (const std::string& name : traces::shipped_profile_names())
    EXPECT_THAT(false_claims(traces::to_json(traces::shipped_profile(name))), IsEmpty()) << name;
}

TEST(ProfileClaims, EachImpossibleFigureIsFound) {
  const auto profile = tests::profile_document();
  EXPECT_TRUE(is_found(with(profile, "/operations/0/median_s", 1e-3)));  // below the 10th percentile
  EXPECT_TRUE(is_found(with(profile, "/operations/0/median_s", 9e-3)));
  EXPECT_TRUE(is_found(with(profile, "/operations/0/p10_s", -1e-3)));
  EXPECT_TRUE(is_found(with(profile, "/operations/0/tokens", 2)));  // the second operation again
  EXPECT_TRUE(is_found(with(profile, "/operations/0/tokens", 0)));
  EXPECT_TRUE(is_found(with(profile, "/operations/0/repeats", 0)));
  EXPECT_TRUE(is_found(with(profile, "/operations/0/kv_tokens", -1)));
  EXPECT_TRUE(is_found(with(profile, "/links/0/median_s", 0.0)));
  EXPECT_TRUE(is_found(with(profile, "/links/0/bytes", 0)));
  EXPECT_TRUE(is_found(with(profile, "/errors/0/median", 0.5)));
  EXPECT_TRUE(is_found(with(profile, "/errors/0/samples", 0)));
  EXPECT_TRUE(is_found(with(profile, "/engine", "")));
}

TEST(ClusterClaims, HoldForARightCluster) { EXPECT_THAT(false_claims(tests::cluster_document()), IsEmpty()); }

TEST(ClusterClaims, EachImpossibleFigureIsFound) {
  const auto cluster = tests::cluster_document();
  EXPECT_TRUE(is_found(with(cluster, "/devices/1/index", 0)));
  EXPECT_TRUE(is_found(
      with(cluster, "/devices/1/free_bytes", cluster.at("devices")[1].at("memory_bytes").get<std::int64_t>() + 1)));
  EXPECT_TRUE(is_found(with(cluster, "/devices/1/paths", input::Json::array())));
  EXPECT_TRUE(is_found(with(cluster, "/links/0/bandwidth_bytes_per_s", 0)));
  EXPECT_TRUE(is_found(with(cluster, "/links/0/name", cluster.at("links")[1].at("name"))));
  EXPECT_TRUE(is_found(with(cluster, "/links/0/name", "another")));
  EXPECT_TRUE(is_found(with(cluster, "/devices", input::Json::array())));
}

}  // namespace
}  // namespace ppplan
