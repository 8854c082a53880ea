#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "planner/input/input_error.h"
#include "traces/operation_times.h"
#include "traces/operation_times_features.h"
#include "traces/operation_times_fit.h"
#include "traces/profile_fit_json.h"
#include "traces/profile_json.h"

namespace ppplan::traces {
namespace {

using testing::HasSubstr;

/// One tree of one split on the first feature, log2 of m or batch, at 3: a quarter more time above, none below.
Fit one_split(const std::string& op, FittedKind kind) {
  Fit fit;
  fit.op = op;
  fit.dtype = "bf16";
  fit.flops_per_s = 100e12;
  fit.bytes_per_s = 1e12;
  fit.floor_s = 2e-6;
  fit.relative_error = 0.1;
  for (const std::string& name : range_names(kind)) fit.ranges.push_back({name, 1, 1e4});
  for (const std::string& name : feature_names(kind)) fit.features.push_back({name, {}});
  fit.features[0].thresholds = {3};
  fit.depth = 1;
  fit.leaf_unit = 0.25;
  fit.trees = {
      "00"
      "W0"
      "W1"};  // W is digit 32: 64 * 32 = 2048 is zero, one more is one unit
  return fit;
}

Profile with(const Fit& fit) {
  Profile out;
  out.engine = "vllm 0.14.0";
  out.device = "d";
  out.fits = {fit};
  return out;
}

std::optional<OperationTime> gemm(const OperationTimes& times, double m, std::int64_t n, std::int64_t k) {
  return times.operation({"gemm", "bf16", {{"n", n}, {"k", k}}, 1, m, 1, 0});
}

const Shape heads = {{"heads", 32}, {"kv_heads", 8}, {"head_dim", 128}};

TEST(Fit, IsTheRooflineTimesTheLeaves) {
  Fit fit = one_split("gemm", FittedKind::gemm);
  fit.ranges[3].high = 1e7;
  const OperationTimes times(with(fit));
  // m = 8 isn't above 2^3: 2e-6 + 2 (8 1000 + 1000 1000 + 8 1000) / 1e12, bound by memory; m = 9 is, e^0.25 more.
  EXPECT_NEAR(gemm(times, 8, 1000, 1000)->seconds, 2e-6 + 2.032e-6, 1e-15);
  EXPECT_NEAR(gemm(times, 9, 1000, 1000)->seconds, (2e-6 + 2.036e-6) * std::exp(0.25), 1e-15);
  // 2 4000 1000 1000 flops at 100e12, bound by compute.
  EXPECT_NEAR(gemm(times, 4000, 1000, 1000)->seconds, (2e-6 + 80e-6) * std::exp(0.25), 1e-12);
  EXPECT_EQ(gemm(times, 8, 1000, 1000)->relative_error, 0.1);
  EXPECT_FALSE(gemm(times, 8, 1000, 1000)->outside);
}

TEST(Fit, SaysWhenASizeLiesOutside) {
  Fit fit = one_split("gemm", FittedKind::gemm);
  fit.ranges[3].high = 1e7;
  const OperationTimes times(with(fit));
  EXPECT_TRUE(gemm(times, 10001, 1000, 1000)->outside);
  EXPECT_TRUE(gemm(times, 1, 10001, 100)->outside);
  EXPECT_TRUE(gemm(times, 1, 100, 10001)->outside);
  EXPECT_TRUE(gemm(times, 1, 5000, 5000)->outside);  // n k above 1e7
  EXPECT_GT(gemm(times, 1e6, 10000, 10000)->seconds, gemm(times, 1e4, 10000, 10000)->seconds * 90);
}

TEST(Fit, NeedsAllDimensionsOfTheShape) {
  const OperationTimes times(with(one_split("gemm", FittedKind::gemm)));
  EXPECT_FALSE(times.operation({"gemm", "bf16", {{"n", 8}}, 1, 1, 1, 0}));
  EXPECT_FALSE(times.operation({"gemm", "bf16", {{"n", 8}, {"k", 0}}, 1, 1, 1, 0}));
  EXPECT_FALSE(times.operation({"gemm", "fp8", {{"n", 8}, {"k", 8}}, 1, 1, 1, 0}));
}

TEST(Fit, OfPrefillCountsTheShareOfTheTriangleBehindACache) {
  const OperationTimes times(with(one_split("context_attention", FittedKind::context_attention)));
  const auto ask = [&](double tokens, double kv) {
    return *times.operation({"context_attention", "bf16", heads, 1, tokens, 1, kv});
  };
  const double whole = ask(4096, 0).seconds;
  // The last 1024 of 4096 tokens: 1024 (1024 + 2 3072) / 4096^2 = 7/16.
  EXPECT_NEAR(ask(1024, 3072).seconds, whole * 7 / 16, 1e-12);
  EXPECT_NEAR(ask(1024, 3072).relative_error, 0.5 * 0.75, 1e-12);
  EXPECT_EQ(ask(1024, 0).relative_error, 0.1);
  // Four chunks are the whole.
  EXPECT_NEAR(ask(1024, 0).seconds + ask(1024, 1024).seconds + ask(1024, 2048).seconds + ask(1024, 3072).seconds, whole,
              0.05 * whole);
  // Never faster than without a cache.
  EXPECT_GE(ask(1, 4000).seconds, ask(1, 0).seconds);
  EXPECT_TRUE(ask(1024, 10000).outside);
}

TEST(Fit, GivesWayToAMeasuredShapeInsideOfItsPoints) {
  Profile profile = with(one_split("gemm", FittedKind::gemm));
  for (std::int64_t tokens : {16, 64}) {
    Operation one;
    one.op = "gemm";
    one.dtype = "bf16";
    one.shape = {{"n", 1000}, {"k", 1000}};
    one.tokens = tokens;
    one.median_s = one.p10_s = one.p90_s = 7;
    profile.operations.push_back(one);
  }
  const OperationTimes times(profile);
  EXPECT_EQ(gemm(times, 16, 1000, 1000)->seconds, 7);
  EXPECT_LT(gemm(times, 16, 1000, 999)->seconds, 1);
  EXPECT_LT(gemm(times, 128, 1000, 1000)->seconds, 1);  // past the points the fit knows more
}

TEST(Fit, RoundTripsThroughJson) {
  const Profile profile = with(one_split("gemm", FittedKind::gemm));
  EXPECT_EQ(profile_from_json(input::parse_document(to_json(profile).dump(), "p").root()), profile);
  EXPECT_EQ(profile_from_json(input::parse_document(to_text(profile), "p").root()), profile);
}

TEST(Fit, IsRefusedWhenItCannotBeEvaluated) {
  const auto complaint = [](const Fit& fit) -> std::string {
    try {
      fit_from_json(input::parse_document(to_json(fit).dump(), "p.json").root());
    } catch (const input::InputError& error) {
      return error.what();
    }
    return "none";
  };
  const Fit good = one_split("gemm", FittedKind::gemm);
  EXPECT_EQ(complaint(good), "none");
  const auto broken = [&](auto change) {
    Fit fit = good;
    change(fit);
    return complaint(fit);
  };
  EXPECT_THAT(broken([](Fit& fit) { fit.op = "conv"; }), HasSubstr("gemm"));
  EXPECT_THAT(broken([](Fit& fit) { fit.depth = 2; }), HasSubstr("two characters a node"));
  EXPECT_THAT(broken([](Fit& fit) { fit.depth = 40; }), HasSubstr("depth"));
  EXPECT_THAT(broken([](Fit& fit) { fit.trees[0][0] = '_'; }), HasSubstr("its features"));
  EXPECT_THAT(broken([](Fit& fit) { fit.trees[0][0] = '~'; }), HasSubstr("alphabet"));
  EXPECT_THAT(broken([](Fit& fit) { fit.trees[0].pop_back(); }), HasSubstr("two characters a node"));
  EXPECT_THAT(broken([](Fit& fit) { fit.features.pop_back(); }), HasSubstr("features"));
  EXPECT_THAT(broken([](Fit& fit) { fit.ranges.pop_back(); }), HasSubstr("ranges"));
  EXPECT_THAT(broken([](Fit& fit) { fit.features[0].thresholds = {3, 2}; }), HasSubstr("increasing"));
  EXPECT_THAT(broken([](Fit& fit) { fit.leaf_unit = 9; }), HasSubstr("smaller corrections"));
  EXPECT_THAT(broken([](Fit& fit) { fit.flops_per_s = 0; }), HasSubstr("/flops_per_s"));
  EXPECT_THAT(broken([](Fit& fit) { fit.floor_s = -1; }), HasSubstr("/floor_s"));
}

TEST(ShippedProfiles, AreTheThreeDevices) {
  EXPECT_THAT(shipped_profile_names(),
              testing::UnorderedElementsAre("h100-sxm.vllm", "a100-sxm-80gb.vllm", "l40s.vllm"));
  EXPECT_THROW(shipped_profile("tpu"), input::InputError);
  for (const std::string& name : shipped_profile_names()) {
    const Profile profile = shipped_profile(name);
    EXPECT_EQ(profile.device + ".vllm", name);
    EXPECT_EQ(profile.engine, "vllm 0.14.0");
    EXPECT_FALSE(profile.sources.empty());
    for (const Source& source : profile.sources) EXPECT_FALSE(source.commit.empty() || source.licence.empty());
  }
}

TEST(ShippedProfiles, StateErrorsWithinTheirLimits) {
  for (const std::string& name : shipped_profile_names())
    for (const HeldOutError& error : shipped_profile(name).errors) {
      EXPECT_LE(error.median, 0.05) << name << " " << error.op;
      EXPECT_LE(error.p90, 0.15) << name << " " << error.op;
    }
}

TEST(ShippedProfiles, AnswerWithFinitePositiveTimesForAnySize) {
  std::mt19937 random(3);
  const auto size = [&](double most) {
    return std::floor(std::exp2(std::uniform_real_distribution<>(0, std::log2(most))(random)));
  };
  for (const std::string& name : shipped_profile_names()) {
    const OperationTimes times(shipped_profile(name));
    for (int i = 0; i < 3000; ++i) {
      const auto n = static_cast<std::int64_t>(size(2e5)), k = static_cast<std::int64_t>(size(2e5));
      const auto product = times.operation({"gemm", "bf16", {{"n", n}, {"k", k}}, 1, size(1e5), 1, 0});
      ASSERT_TRUE(product && std::isfinite(product->seconds) && product->seconds > 1e-6) << name;
      for (const char* op : {"context_attention", "generation_attention"}) {
        const auto tokens = op[0] == 'c' ? size(1e5) : 1;
        const auto attention = times.operation({op, "bf16", heads, 1, tokens, size(4096), size(2e5)});
        ASSERT_TRUE(attention && std::isfinite(attention->seconds) && attention->seconds > 1e-6) << name;
      }
    }
  }
}

TEST(ShippedProfiles, DoNotBeatTheHardware) {
  // Dense bf16 peaks of the vendors' data sheets; a GEMM of 8192^3 is 1.1e12 flops and reaches a good part of them.
  const std::map<std::string, double> peak = {
      {"h100-sxm.vllm", 989e12}, {"a100-sxm-80gb.vllm", 312e12}, {"l40s.vllm", 362e12}};
  for (const std::string& name : shipped_profile_names()) {
    const double seconds = gemm(OperationTimes(shipped_profile(name)), 8192, 8192, 8192)->seconds;
    const double share = 2 * std::pow(8192.0, 3) / seconds / peak.at(name);
    EXPECT_LT(share, 1) << name;
    EXPECT_GT(share, 0.4) << name;
  }
}

TEST(ShippedProfiles, SayOutsideWhereTheTablesEnd) {
  const OperationTimes times(shipped_profile("h100-sxm.vllm"));
  EXPECT_FALSE(gemm(times, 8192, 8192, 8192)->outside);
  EXPECT_TRUE(gemm(times, 16384, 8192, 8192)->outside);
  EXPECT_TRUE(
      times
          .operation({"generation_attention", "bf16", {{"heads", 32}, {"kv_heads", 8}, {"head_dim", 64}}, 1, 1, 8, 100})
          ->outside);
  EXPECT_TRUE(times.operation({"generation_attention", "bf16", heads, 1, 1, 2048, 100000})->outside);
  EXPECT_FALSE(times.link("send_recv", "nvlink", 2, 1 << 20)->outside);
  EXPECT_TRUE(times.link("send_recv", "nvlink", 2, 1e9)->outside);
}

TEST(ShippedProfiles, OfL40sHaveNoSendRecv) {
  const OperationTimes times(shipped_profile("l40s.vllm"));
  EXPECT_FALSE(times.link("send_recv", "pcie", 2, 1 << 20));
  EXPECT_TRUE(times.link("all_reduce", "pcie", 2, 1 << 20));
}

}  // namespace
}  // namespace ppplan::traces
