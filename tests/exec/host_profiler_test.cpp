// What a profile holds. How long things take is not tested: that is the machine's business.
#include "exec/host_profiler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <tuple>

#include "exec/cores.h"
#include "exec/host_probe.h"
#include "exec/link_probe.h"
#include "planner/input/input_error.h"
#include "tests/exec/models.h"

namespace ppplan::tests {
namespace {

using exec::HostProfileOptions;
using exec::ProfileSizes;

// Two kinds of layer, in turn.
spec::ModelSpec two_kinds() {
  spec::ModelSpec model = dense_model(4, 1, 16, 24, 40);
  for (const std::size_t moe : {1U, 3U}) model.layers[moe].feed_forward = {spec::FeedForwardKind::moe, 8, 4, 2, 0};
  return model;
}

HostProfileOptions small_options() {
  HostProfileOptions options;
  options.model = two_kinds();
  options.max_tokens = 32;
  options.max_batch = 2;
  options.max_kv = 16;
  options.max_message_bytes = 1 << 14;
  options.budget_s = 0.01;  // two rounds
  return options;
}

TEST(ProfilePoints, CoverTheLargestSizesAndNameEachOnce) {
  const ProfileSizes sizes{100, 6, 300};
  std::set<std::tuple<exec::PointKind, int, spec::BatchShape>> seen;
  for (const exec::ProfilePoint& point : exec::profile_points(2, sizes)) {
    EXPECT_TRUE(seen.insert({point.kind, point.shape, point.batch}).second);
    EXPECT_LE(point.batch.past_tokens, 300);
  }
  for (const int shape : {0, 1}) {
    EXPECT_TRUE(seen.contains({exec::PointKind::layer, shape, {1, 100, 300, false}}));
    EXPECT_TRUE(seen.contains({exec::PointKind::layer, shape, {1, 16, 0, false}}));
    EXPECT_TRUE(seen.contains({exec::PointKind::layer, shape, {6, 1, 300, false}}));
    EXPECT_TRUE(seen.contains({exec::PointKind::layer, shape, {1, 1, 16, false}}));
  }
  EXPECT_TRUE(seen.contains({exec::PointKind::head, 0, {6, 1, 0, true}}));
  EXPECT_TRUE(seen.contains({exec::PointKind::embedding, 0, {100, 1, 0, false}}));
}

TEST(ProfilePoints, TellLayersApartByTheirDimensions) {
  const spec::ModelSpec model = two_kinds();
  ASSERT_EQ(exec::distinct_layers(model).size(), 2U);
  const traces::Operation operation = exec::operation_of(model, {exec::PointKind::layer, 1, {3, 1, 50, false}}, "fp32");
  const traces::Shape expected{{"hidden", 16}, {"heads", 2},        {"kv_heads", 1}, {"head_dim", 8},
                               {"window", 0},  {"intermediate", 8}, {"experts", 4},  {"experts_per_token", 2}};
  EXPECT_EQ(operation.shape, expected);
  EXPECT_EQ(operation.op, "layer");
  EXPECT_EQ(operation.dtype, "fp32");
  EXPECT_EQ(operation.tokens, 1);
  EXPECT_EQ(operation.batch, 3);
  EXPECT_EQ(operation.kv_tokens, 50);
}

TEST(ProfilePoints, TellLatentsAndSharedExpertsApart) {
  spec::ModelSpec model = dense_model(4, 1, 16, 24, 40);
  for (const std::size_t latent : {1U, 2U, 3U}) {
    spec::Attention& a = model.layers[latent].attention;
    a = {};
    a.kind = spec::AttentionKind::mla;
    a.heads = 2;
    a.kv_lora_rank = 12;
    a.nope_dim = a.value_dim = 8;
    a.rope_dim = 4;
  }
  model.layers[2].attention.q_lora_rank = 10;
  model.layers[3].feed_forward = {spec::FeedForwardKind::moe, 24, 4, 2, 16};
  ASSERT_EQ(exec::distinct_layers(model).size(), 4U);
  const auto shape_of = [&](int shape) {
    return exec::operation_of(model, {exec::PointKind::layer, shape, {1, 16, 0, false}}, "fp32").shape;
  };
  traces::Shape expected{{"hidden", 16},  {"heads", 2},    {"kv_heads", 0},          {"head_dim", 0},
                         {"window", 0},   {"experts", 0},  {"experts_per_token", 0}, {"intermediate", 24},
                         {"nope_dim", 8}, {"rope_dim", 4}, {"value_dim", 8},         {"kv_lora_rank", 12}};
  EXPECT_EQ(shape_of(1), expected);
  expected["q_lora_rank"] = 10;
  EXPECT_EQ(shape_of(2), expected);
  expected.erase("q_lora_rank");
  expected.merge(traces::Shape{{"shared_intermediate", 16}});
  expected["experts"] = 4;
  expected["experts_per_token"] = 2;
  EXPECT_EQ(shape_of(3), expected);
}

TEST(HostProbe, HoldsAsManyLayersAsAStageHas) {
  const ProfileSizes sizes{32, 4, 64};
  EXPECT_EQ(exec::probe_copies(two_kinds(), sizes, 1), 4);
  EXPECT_EQ(exec::probe_copies(two_kinds(), sizes, 3), 2);  // 4 layers over 3 cores, rounded up
  EXPECT_EQ(exec::probe_copies(two_kinds(), sizes, 64), 1);
}

TEST(HostProfiler, MeasuresEveryPointLoadedAndAlone) {
  const HostProfileOptions options = small_options();
  std::vector<double> fractions;
  const traces::Profile profile = profile_host(options, [&](double fraction, const std::string& what) {
    fractions.push_back(fraction);
    EXPECT_FALSE(what.empty());
  });
  EXPECT_EQ(profile.engine, "ppplan 0.1");
  EXPECT_EQ(profile.device, "cpu-core");
  for (const char* fact : {"cpu", "cores", "compiler", "date", "command", "share_of_other_processes"}) {
    EXPECT_FALSE(profile.machine.at(fact).empty()) << fact;
  }
  EXPECT_GT(profile.core_speed, 0);
  EXPECT_EQ(profile.operations.size(), exec::profile_points(2, {32, 2, 16}).size());
  for (const traces::Operation& operation : profile.operations) {
    EXPECT_GT(operation.p10_s, 0) << operation.op;
    EXPECT_LE(operation.p10_s, operation.median_s);
    EXPECT_LE(operation.median_s, operation.p90_s);
    EXPECT_GT(operation.alone_s, 0);
    EXPECT_GE(operation.repeats, 2 * static_cast<int>(exec::allowed_cores().size()));
  }
  for (const double fraction : fractions) {
    EXPECT_GE(fraction, 0);
    EXPECT_LE(fraction, 1);
  }
  if (exec::allowed_cores().size() < 2) return;  // one core has no links
  std::vector<std::int64_t> bytes;
  for (const traces::LinkSample& link : profile.links) {
    EXPECT_EQ(link.op, "send_recv");
    EXPECT_EQ(link.link, "memory");
    EXPECT_GT(link.median_s, 0);
    bytes.push_back(link.bytes);
  }
  EXPECT_THAT(bytes, testing::ElementsAre(1 << 10, 1 << 12, 1 << 14));
}

TEST(HostProfiler, RefusesSizesAndCoresThatMakeNoSense) {
  const auto quiet = [](double, const std::string&) {};
  HostProfileOptions none = small_options();
  none.model.layers.clear();
  EXPECT_THROW(profile_host(none, quiet), input::InputError);
  HostProfileOptions small = small_options();
  small.max_tokens = 8;
  EXPECT_THROW(profile_host(small, quiet), input::InputError);
  HostProfileOptions cores = small_options();
  cores.cores = {1 << 20};
  EXPECT_THROW(profile_host(cores, quiet), input::InputError);
}

TEST(LinkProbe, CountsMessagesAfterTheWarmUp) {
  const std::vector<int> cores = exec::allowed_cores();
  const std::vector<double> seconds = exec::message_seconds(4096, 3, cores.front(), cores.back());
  ASSERT_EQ(seconds.size(), 3U);
  for (const double s : seconds) EXPECT_GT(s, 0);
}

}  // namespace
}  // namespace ppplan::tests
