#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "traces/operation_times.h"

namespace ppplan::traces {
namespace {

Operation layer(std::int64_t tokens, std::int64_t batch, std::int64_t kv_tokens, double seconds) {
  Operation out;
  out.op = "layer";
  out.dtype = "fp32";
  out.shape = {{"hidden", 384}};
  out.tokens = tokens;
  out.batch = batch;
  out.kv_tokens = kv_tokens;
  out.median_s = seconds;
  out.p10_s = 0.9 * seconds;
  out.p90_s = 1.3 * seconds;
  return out;
}

OperationQuery ask(double tokens, double batch, double kv_tokens) {
  return {"layer", "fp32", {{"hidden", 384}}, 1, tokens, batch, kv_tokens};
}

/// Prefill of one sequence on a ragged grid (caches at two lengths only), decode of several.
Profile ragged() {
  Profile out;
  for (std::int64_t tokens : {1, 16, 64, 256, 1024})
    out.operations.push_back(layer(tokens, 1, 0, 1e-4 + 1e-5 * static_cast<double>(tokens)));
  for (std::int64_t tokens : {64, 1024})
    for (std::int64_t kv : {128, 512})
      out.operations.push_back(
          layer(tokens, 1, kv, 1e-4 + 1e-5 * static_cast<double>(tokens) * (1 + static_cast<double>(kv) / 1024)));
  for (std::int64_t batch : {1, 4, 16})
    for (std::int64_t kv : {16, 256})
      out.operations.push_back(
          layer(1, batch, kv, 2e-4 * static_cast<double>(batch) + 1e-7 * static_cast<double>(batch * kv)));
  return out;
}

LinkSample message(int ranks, std::int64_t bytes, double seconds) {
  LinkSample out;
  out.op = ranks == 2 ? "send_recv" : "all_reduce";
  out.link = "nvlink";
  out.ranks = ranks;
  out.bytes = bytes;
  out.median_s = seconds;
  return out;
}

TEST(OperationTimes, SayWhatIdleNeighboursLeaveOfThem) {
  Profile profile = ragged();
  for (Operation& one : profile.operations) one.alone_s = (one.tokens == 1 ? 0.5 : 0.8) * one.median_s;
  const OperationTimes times(profile);
  EXPECT_NEAR(times.operation(ask(64, 1, 128))->alone_fraction, 0.8, 1e-12);   // measured
  EXPECT_NEAR(times.operation(ask(500, 1, 200))->alone_fraction, 0.8, 1e-12);  // between points that agree
  EXPECT_NEAR(times.operation(ask(1, 8, 100))->alone_fraction, 0.5, 1e-12);
  // Between 1 and 16 tokens it lies between theirs.
  EXPECT_GT(times.operation(ask(4, 1, 0))->alone_fraction, 0.5);
  EXPECT_LT(times.operation(ask(4, 1, 0))->alone_fraction, 0.8);
}

TEST(OperationTimes, SpareNothingWhereAPointWasNotMeasuredAlone) {
  Profile profile = ragged();
  for (Operation& one : profile.operations) one.alone_s = 0.5 * one.median_s;
  profile.operations.back().alone_s = 0;
  EXPECT_EQ(OperationTimes(profile).operation(ask(500, 1, 200))->alone_fraction, 1);
  // Nor does noise make a lonely core slower than a busy one.
  for (Operation& one : profile.operations) one.alone_s = 1.1 * one.median_s;
  EXPECT_EQ(OperationTimes(profile).operation(ask(500, 1, 200))->alone_fraction, 1);
}

TEST(OperationTimes, AreExactAtMeasuredPoints) {
  const OperationTimes times(ragged());
  for (const Operation& one : ragged().operations) {
    const auto time = times.operation(
        ask(static_cast<double>(one.tokens), static_cast<double>(one.batch), static_cast<double>(one.kv_tokens)));
    ASSERT_TRUE(time);
    EXPECT_EQ(time->seconds, one.median_s);
    EXPECT_FALSE(time->outside);
    EXPECT_NEAR(time->relative_error, 0.2, 1e-12);  // (1.3 - 0.9) / 2
  }
}

TEST(OperationTimes, LieBetweenTheMeasuredPointsAround) {
  const OperationTimes times(ragged());
  std::mt19937 random(7);
  std::uniform_real_distribution<double> tokens(64, 1024), kv(0, 512);
  for (int i = 0; i < 2000; ++i) {
    const auto time = times.operation(ask(tokens(random), 1, kv(random)));
    ASSERT_TRUE(time);
    EXPECT_FALSE(time->outside);
    EXPECT_GE(time->seconds, 1e-4 + 1e-5 * 64);
    EXPECT_LE(time->seconds, 1e-4 + 1e-5 * 1024 * 1.5);
  }
}

TEST(OperationTimes, GrowWithTokensAndCacheWhereTheMeasuredPointsDo) {
  const OperationTimes times(ragged());
  for (double kv : {0.0, 100.0, 300.0}) {
    double last = 0;
    for (double tokens = 64; tokens <= 1024; tokens += 7) {
      const double now = times.operation(ask(tokens, 1, kv))->seconds;
      EXPECT_GE(now, last);
      EXPECT_LE(now, times.operation(ask(tokens, 1, kv + 50))->seconds);
      last = now;
    }
  }
}

TEST(OperationTimes, InterpolateDecodeOverBatchAndCache) {
  const OperationTimes times(ragged());
  // Batch 4, halfway from cache 16 (8e-4 + 64e-7) to 256 (8e-4 + 1024e-7).
  EXPECT_NEAR(times.operation(ask(1, 4, 136))->seconds, 8e-4 + 544e-7, 1e-12);
  // Batch 2 is the geometric middle of 1 and 4.
  const double one = 2e-4 + 16e-7, four = 8e-4 + 64e-7;
  EXPECT_NEAR(times.operation(ask(1, 2, 16))->seconds, std::sqrt(one * four), 1e-12);
}

TEST(OperationTimes, AnswerBatchesOfPrefillByTokensInAllAndAttendedTokens) {
  const OperationTimes times(ragged());
  // 4 sequences of 16 tokens with 152 cached attend as one of 64 with 152 + (16 - 64) / 2 = 128.
  EXPECT_NEAR(times.operation(ask(16, 4, 152))->seconds, times.operation(ask(64, 1, 128))->seconds, 1e-15);
  // Without a cache they attend to less than any single sequence: below the time of one, above half of it, and less
  // sure.
  const auto time = times.operation(ask(16, 4, 0));
  EXPECT_FALSE(time->outside);
  EXPECT_LT(time->seconds, times.operation(ask(64, 1, 0))->seconds);
  EXPECT_GT(time->seconds, 0.5 * times.operation(ask(64, 1, 0))->seconds);
  EXPECT_GT(time->relative_error, 0.2);
}

TEST(OperationTimes, AMeasuredBatchOfPrefillIsExact) {
  Profile profile = ragged();
  profile.operations.push_back(layer(16, 4, 152, 0.5));
  const OperationTimes times(profile);
  EXPECT_EQ(times.operation(ask(16, 4, 152))->seconds, 0.5);
  EXPECT_FALSE(times.operation(ask(16, 4, 152))->outside);
}

TEST(OperationTimes, SayWhenTheQuestionLiesOutside) {
  const OperationTimes times(ragged());
  const auto longer = times.operation(ask(4096, 1, 0));
  EXPECT_TRUE(longer->outside);
  EXPECT_NEAR(longer->seconds, 4 * (1e-4 + 1e-5 * 1024), 1e-12);  // in proportion to the tokens
  EXPECT_TRUE(times.operation(ask(64, 1, 5000))->outside);
  EXPECT_TRUE(times.operation(ask(1, 64, 16))->outside);
  EXPECT_TRUE(times.operation(ask(1, 1, 4096))->outside);
  // 1e-4 + 64e-5 (1 + 512/1024) = 1.06e-3 at 512, slope 64e-5/1024 a token: at 1024, 1.06e-3 + 3.2e-4.
  EXPECT_NEAR(times.operation(ask(64, 1, 1024))->seconds, 1.38e-3, 1e-12);
}

TEST(OperationTimes, OfOnePhaseAnswerTheOtherOnlyAsOutside) {
  Profile prefill, decode;
  for (std::int64_t tokens : {16, 64})
    prefill.operations.push_back(layer(tokens, 1, 0, 1e-5 * static_cast<double>(tokens)));
  for (std::int64_t batch : {2, 64}) decode.operations.push_back(layer(1, batch, 8, 1e-5 * static_cast<double>(batch)));
  EXPECT_TRUE(OperationTimes(prefill).operation(ask(1, 32, 0))->outside);
  EXPECT_TRUE(OperationTimes(decode).operation(ask(32, 1, 0))->outside);
  EXPECT_FALSE(OperationTimes(prefill).operation(ask(32, 1, 0))->outside);
  EXPECT_FALSE(OperationTimes(decode).operation(ask(1, 32, 8))->outside);
}

TEST(OperationTimes, OfAnUnnamedShapeOrDtypeStandForAny) {
  Profile profile = ragged();
  Operation any = layer(64, 1, 0, 7.0);
  any.shape.clear();
  any.dtype.clear();
  profile.operations.push_back(any);
  const OperationTimes times(profile);
  OperationQuery query = ask(64, 1, 0);
  EXPECT_LT(times.operation(query)->seconds, 1);  // the named one comes first
  query.shape["hidden"] = 512;
  EXPECT_EQ(times.operation(query)->seconds, 7.0);
  query.tp = 2;
  EXPECT_FALSE(times.operation(query));
}

TEST(OperationTimes, KnowNothingOfWhatWasNotMeasured) {
  const OperationTimes times(ragged());
  OperationQuery query = ask(64, 1, 0);
  query.op = "head";
  EXPECT_FALSE(times.operation(query));
  EXPECT_FALSE(times.link("send_recv", "nvlink", 2, 100));
  EXPECT_FALSE(OperationTimes(Profile{}).operation(ask(1, 1, 1)));
}

TEST(OperationTimes, InterpolateMessagesBySizeAndRanks) {
  Profile profile;
  profile.links = {message(2, 1000, 1e-5), message(2, 4000, 2e-5), message(4, 1000, 1e-5), message(8, 1000, 4e-5)};
  profile.errors = {{"send_recv", "rows", 10, 0.01, 0.07}};
  const OperationTimes times(profile);
  EXPECT_EQ(times.link("send_recv", "nvlink", 2, 1000)->seconds, 1e-5);
  EXPECT_EQ(times.link("send_recv", "nvlink", 2, 4000)->seconds, 2e-5);
  EXPECT_NEAR(times.link("send_recv", "nvlink", 2, 2000)->seconds, 1e-5 * std::sqrt(2), 1e-15);
  EXPECT_EQ(times.link("send_recv", "nvlink", 2, 2000)->relative_error, 0.07);
  EXPECT_EQ(times.link("send_recv", "nvlink", 2, 0)->seconds, 1e-5);
  EXPECT_TRUE(times.link("send_recv", "nvlink", 2, 0)->outside);
  EXPECT_NEAR(times.link("send_recv", "nvlink", 2, 8000)->seconds, 4e-5, 1e-15);
  EXPECT_TRUE(times.link("send_recv", "nvlink", 2, 8000)->outside);
  // 6 of 4..8 ranks: 1e-5 * 4^(log(6/4) / log(2)).
  EXPECT_NEAR(times.link("all_reduce", "nvlink", 6, 1000)->seconds, 2.25e-5, 1e-12);
  EXPECT_FALSE(times.link("all_reduce", "nvlink", 16, 1000));
  EXPECT_FALSE(times.link("all_reduce", "pcie", 4, 1000));
}

}  // namespace
}  // namespace ppplan::traces
