// A pipeline's losses, gradients and weights must equal those of one device bit for bit, whatever its schedule.
#include "exec/training.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "exec/one_device_training.h"
#include "exec/training_layout.h"
#include "planner/input/input_error.h"
#include "planner/schedule/training_times.h"
#include "tests/exec/schedules.h"
#include "tests/exec/training_orders.h"

namespace ppplan::tests {
namespace {

using exec::OneDeviceTraining;
using exec::Training;
using exec::TrainingRun;
using exec::TrainingStep;
using kernels::host::AdamW;

void expect_equal_steps(const TrainingRun& run, const schedule::TrainingOrder& order, int receive_buffers, int steps) {
  Training pipeline(run, schedule_of(order, receive_buffers), AdamW{});
  OneDeviceTraining single(run, order, AdamW{});
  for (int step = 1; step <= steps; ++step) {
    const TrainingStep expected = single.step(), found = pipeline.step();
    EXPECT_EQ(found.loss, expected.loss) << "step " << step;
    EXPECT_TRUE(std::isfinite(found.loss));
    EXPECT_TRUE(found.gradients == expected.gradients) << "step " << step;
    EXPECT_TRUE(pipeline.weights() == single.weights()) << "step " << step;
    EXPECT_TRUE(pipeline.copies_agree()) << "step " << step;
  }
}

class EveryOrder : public testing::TestWithParam<std::string> {};

TEST_P(EveryOrder, EqualsOneDeviceForThreeSteps) {
  const schedule::TrainingOrder order = small_order(GetParam());
  expect_equal_steps(training_run(trained_model(false), order), order, 0, 3);
}

TEST_P(EveryOrder, IsReadBackFromItsSchedule) {
  const schedule::TrainingOrder order = small_order(GetParam());
  EXPECT_EQ(exec::training_order(schedule_of(order)), order);
}

TEST_P(EveryOrder, KeepsAsManyActivationsAsItsTimesSay) {
  // Dense layers keep as much after their input gradient as after their forward, so 0 is released by it.
  const schedule::TrainingOrder order = small_order(GetParam());
  const TrainingRun run = training_run(dense_model(8, 1, 16, 20, 23), order);
  Training training(run, schedule_of(order), AdamW{});
  training.step();
  schedule::TrainingCosts costs;
  costs.released_by_input_gradient = 0;
  for (const exec::ActivationBytes& bytes : training.replica(0).activation_bytes()) {
    EXPECT_GT(bytes.kept_by_forward, 0);
    EXPECT_EQ(bytes.freed_by_input_gradient, 0);
    costs.stages.push_back({1, 1, 1, 0, static_cast<double>(bytes.kept_by_forward)});
  }
  const auto times = schedule::training_times(order, costs);
  const auto measured = training.replica(0).peak_activation_bytes();
  ASSERT_EQ(measured.size(), times.peak_activations.size());
  for (std::size_t rank = 0; rank < measured.size(); ++rank) {
    EXPECT_EQ(static_cast<double>(measured[rank]), times.peak_activations[rank]) << "rank " << rank;
  }
}

INSTANTIATE_TEST_SUITE_P(Training, EveryOrder, testing::ValuesIn(schedule::order_names()), [](const auto& kind) {
  std::string name = kind.param;
  std::ranges::replace(name, '-', '_');
  return name;
});

TEST(Training, TiedEmbeddingAndHeadAreOneMatrix) {
  for (const char* kind : {"1f1b", "dualpipe"}) {
    const schedule::TrainingOrder order = small_order(kind);
    expect_equal_steps(training_run(trained_model(true), order), order, 0, 2);
  }
}

TEST(Training, ReplicasAddUpTheirGradients) {
  for (const char* kind : {"1f1b", "zb-h1", "dualpipe"}) {
    const schedule::TrainingOrder order = small_order(kind, 2, 4);
    TrainingRun run = training_run(trained_model(false), order);
    run.replicas = 2;
    expect_equal_steps(run, order, 0, 2);
  }
}

TEST(Training, FewReceiveBuffersChangeNothing) {
  for (const int buffers : {1, 2}) {
    const schedule::TrainingOrder order = small_order("1f1b", 3, 5);
    expect_equal_steps(training_run(trained_model(false), order), order, buffers, 1);
  }
}

TEST(Training, StagesWithoutLayersPassOn) {
  const schedule::TrainingOrder order = small_order("zb-h1", 4, 4);
  TrainingRun run = training_run(trained_model(false), order);
  run.partition = {0, 4, 0, 2};
  expect_equal_steps(run, order, 0, 1);
  run.partition = {6, 0, 0, 0};
  expect_equal_steps(run, order, 0, 1);
}

TEST(Training, ReplicasTimesMicroBatchesIsTheSameStepButForRounding) {
  // Two replicas of four micro-batches see the data of one with eight; only the order of sums differs.
  const schedule::TrainingOrder eight = small_order("1f1b", 2, 8), four = small_order("1f1b", 2, 4);
  TrainingRun run = training_run(trained_model(false), eight);
  const TrainingStep expected = OneDeviceTraining(run, eight, AdamW{}).step();
  run.replicas = 2;
  const TrainingStep found = Training(run, schedule_of(four), AdamW{}).step();
  EXPECT_NEAR(found.loss, expected.loss, 1e-12);
  for (const auto& [name, values] : expected.gradients) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      EXPECT_NEAR(found.gradients.at(name)[i], values[i], 1e-6) << name;
    }
  }
}

TEST(Training, LossFallsOnDataSeenAgain) {
  // 40 steps over few tokens of a vocabulary of 23 fit better than chance, log(23) = 3.14, can be told from.
  const schedule::TrainingOrder order = small_order("1f1b", 1, 1);
  TrainingRun run = training_run(dense_model(2, 1, 16, 20, 23), order);
  run.sequences = 1;
  run.tokens = 4;
  AdamW optimizer;
  optimizer.rate = 1e-2f;
  kernels::host::BufferPool pool;
  spec::Stage whole;
  whole.end_layer = 2;
  whole.embedding = whole.head = true;
  exec::TrainingStage stage(run, whole, 1, pool);
  const exec::Samples samples = exec::drawn_samples(run, 1, 0);
  double first = 0, last = 0;
  for (int step = 1; step <= 40; ++step) {
    stage.clear_gradients();
    stage.forward(0, nullptr, samples, 0.25f);
    last = stage.loss(0) / 4;
    if (step == 1) first = last;
    stage.backward_input(0, nullptr);
    stage.backward_weight(0);
    stage.update(optimizer, step);
  }
  EXPECT_LT(last, first / 2);
  EXPECT_EQ(pool.live_bytes(), 0);
}

TEST(Training, GradientsEqualDifferencesOfTheLoss) {
  // Central differences of the fp32 loss of one step: moving a weight by d = 2^-6 leaves d^2 / 6 times a third
  // derivative of about 1, 4e-5, and the rounding of two losses near 3, 2 x 2e-7 / 2d, is 1.3e-5.
  const schedule::TrainingOrder order = small_order("1f1b", 1, 1);
  // Every expert is chosen: where a choice turns over the loss jumps, and a difference across tells nothing.
  spec::ModelSpec model = trained_model(false);
  for (spec::Layer& layer : model.layers) layer.feed_forward.experts_per_token = layer.feed_forward.experts;
  const TrainingRun run = training_run(model, order);
  kernels::host::BufferPool pool;
  spec::Stage whole;
  whole.end_layer = 6;
  whole.embedding = whole.head = true;
  exec::TrainingStage stage(run, whole, 1, pool);
  const exec::Samples samples = exec::drawn_samples(run, 1, 0);
  const double rows = run.batch().rows();
  const auto pass = [&] {
    stage.forward(0, nullptr, samples, static_cast<float>(1 / rows));
    const double loss = stage.loss(0) / rows;
    stage.backward_input(0, nullptr);
    stage.backward_weight(0);
    return loss;
  };
  stage.clear_gradients();
  pass();
  std::vector<std::vector<float>> gradients;
  for (const exec::Parameter& parameter : stage.parameters()) {
    gradients.emplace_back(parameter.gradient.data(), parameter.gradient.data() + parameter.gradient.size());
  }
  std::mt19937 random(5);
  for (std::size_t p = 0; p < gradients.size(); ++p) {
    exec::Parameter& parameter = stage.parameters()[p];
    for (int sample = 0; sample < 6; ++sample) {
      const std::size_t i = random() % gradients[p].size();
      const float before = parameter.weights[i];
      parameter.weights[i] = before + 0x1p-6f;
      const double high = pass();
      parameter.weights[i] = before - 0x1p-6f;
      const double low = pass();
      parameter.weights[i] = before;
      EXPECT_NEAR(gradients[p][i], (high - low) / 0x1p-5, 2e-3 * std::max(0.1f, std::abs(gradients[p][i])))
          << parameter.name << " at " << i;
    }
  }
}

TEST(TrainingMemory, QueryAndKeyNormsFreeTheirInputsAtTheInputGradient) {
  const schedule::TrainingOrder order = small_order("zb-h1", 2, 4);
  spec::ModelSpec model = dense_model(2, 1, 16, 20, 23);
  for (spec::Layer& layer : model.layers) layer.attention.qk_norm = true;
  const TrainingRun run = training_run(model, order);
  Training training(run, schedule_of(order), AdamW{});
  training.step();
  // 10 rows of (2 heads + 1 KV head) of 8 floats.
  for (const auto& bytes : training.replica(0).activation_bytes()) {
    EXPECT_EQ(bytes.freed_by_input_gradient, 4 * 10 * 3 * 8);
    EXPECT_LT(bytes.freed_by_input_gradient, bytes.kept_by_forward);
  }
}

TEST(TrainingMemory, CountsTheArraysOfAStage) {
  const schedule::TrainingOrder order = small_order("1f1b", 2, 2);
  const TrainingRun run = training_run(dense_model(2, 1, 16, 20, 23), order);
  Training training(run, schedule_of(order), AdamW{});
  training.step();
  // 10 rows; stream 2 x 16; of the layer 3 x 16 normed and middle, qkv 32, attended 16, 3 x 20 of the feed-forward,
  // and two gains of 16; with the head its normed input 16, logits 23 and a gain of 16.
  const std::int64_t layer = 10 * (2 * 16 + 3 * 16 + 32 + 16 + 3 * 20) + 2 * 16;
  const auto bytes = training.replica(0).activation_bytes();
  EXPECT_EQ(bytes[0].kept_by_forward, 4 * layer);
  EXPECT_EQ(bytes[1].kept_by_forward, 4 * (layer + 10 * (16 + 23) + 16));
}

TEST(Training, TimelineHoldsEveryOperationInOrder) {
  const schedule::TrainingOrder order = small_order("dualpipev", 2, 4);
  const schedule::Schedule schedule = schedule_of(order);
  Training training(training_run(trained_model(false), order), schedule, AdamW{});
  expect_follows(schedule, training.step().timelines.front());
}

TEST(TrainingOrderOfSchedule, RefusesWhatIsNoTraining) {
  EXPECT_THROW(exec::training_order(forward_schedule(2, 2, 0)), input::InputError);
  EXPECT_THROW(exec::training_order(decode_schedule(2, 1, 2, 0)), input::InputError);
  schedule::Schedule missing = schedule_of(small_order("1f1b", 1, 1));
  missing.ops.back().key.kind = traces::OpKind::update;
  EXPECT_THROW(exec::training_order(missing), input::InputError);
}

TEST(Training, RefusesLatentAttention) {
  const schedule::TrainingOrder order = small_order("1f1b", 2, 2);
  TrainingRun run = training_run(trained_model(false), order);
  spec::Attention& latent = run.model.layers.back().attention;
  latent = {};
  latent.kind = spec::AttentionKind::mla;
  latent.heads = latent.kv_lora_rank = latent.nope_dim = latent.rope_dim = latent.value_dim = 2;
  try {
    Training(run, schedule_of(order), AdamW{});
    FAIL() << "trained";
  } catch (const input::InputError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("/attention: expected grouped-query attention"));
  }
}

TEST(Training, RefusesPartitionsThatDoNotFit) {
  const schedule::TrainingOrder order = small_order("1f1b", 2, 2);
  TrainingRun run = training_run(trained_model(false), order);
  for (const std::vector<int>& partition : {std::vector<int>{6}, {3, 2}, {7, -1}}) {
    run.partition = partition;
    EXPECT_THROW(Training(run, schedule_of(order), AdamW{}), input::InputError);
  }
}

}  // namespace
}  // namespace ppplan::tests
