#include "tests/spec/random_plan.h"

#include <algorithm>

#include "planner/spec/read_cluster.h"

namespace ppplan::spec {
namespace {

int between(std::mt19937& random, int low, int high) {
  return low + static_cast<int>(random() % static_cast<unsigned>(high - low + 1));
}

bool coin(std::mt19937& random) { return random() % 2 == 0; }

/// Values whose decimal texts have all digits, so that a lossy writer shows.
double figure(std::mt19937& random) { return std::uniform_real_distribution<double>(0, 3)(random); }

std::int64_t bytes(std::mt19937& random) { return static_cast<std::int64_t>(random()) * 97; }

Layer random_layer(std::mt19937& random) {
  Layer layer;
  layer.attention.kv_heads = between(random, 1, 4);
  layer.attention.heads = layer.attention.kv_heads * between(random, 1, 4);
  layer.attention.head_dim = between(random, 1, 128);
  layer.attention.qkv_bias = coin(random);
  layer.attention.qk_norm = coin(random);
  if (coin(random)) {
    layer.attention.kind = AttentionKind::sliding_window;
    layer.attention.window = between(random, 1, 4096);
  }
  layer.feed_forward.intermediate = between(random, 1, 4096);
  layer.feed_forward.gated = coin(random);
  if (coin(random)) {
    layer.feed_forward.kind = FeedForwardKind::moe;
    layer.feed_forward.experts = between(random, 1, 64);
    layer.feed_forward.experts_per_token = between(random, 1, layer.feed_forward.experts);
    layer.feed_forward.shared_intermediate = between(random, 0, 100);
    layer.feed_forward.narrow = between(random, 0, 2) * 32;
  }
  return layer;
}

DType random_dtype(std::mt19937& random) { return static_cast<DType>(random() % 7); }

Verdict random_verdict(std::mt19937& random) { return static_cast<Verdict>(random() % 3); }

/// `total` split into `parts` positive integers.
std::vector<int> random_partition(std::mt19937& random, int total, int parts) {
  std::vector<int> out(static_cast<std::size_t>(parts), 1);
  for (int i = parts; i < total; ++i) ++out[random() % out.size()];
  return out;
}

StageMemory random_memory(std::mt19937& random) {
  StageMemory memory{bytes(random), bytes(random), bytes(random), bytes(random), bytes(random),
                     bytes(random), bytes(random), bytes(random), bytes(random)};
  if (coin(random)) memory.kv_bytes = -memory.kv_bytes;
  if (coin(random)) memory.margin_bytes = -memory.margin_bytes;
  return memory;
}

void add_stages(Plan& plan, std::mt19937& random, std::vector<int> devices) {
  int first = 0;
  for (std::size_t s = 0; s < plan.partition.size(); ++s) {
    Stage stage;
    stage.first_layer = first;
    stage.end_layer = first += plan.partition[s];
    stage.embedding = s == 0 || coin(random);
    stage.head = s + 1 == plan.partition.size() || coin(random);
    for (int replica = 0; replica < plan.parallel.dp; ++replica) {
      stage.devices.emplace_back(devices.end() - plan.parallel.tp, devices.end());
      devices.resize(devices.size() - static_cast<std::size_t>(plan.parallel.tp));
    }
    stage.verdict = random_verdict(random);
    stage.memory = random_memory(random);
    stage.kv_tokens = bytes(random);
    stage.prefill_s = figure(random);
    stage.decode_s = figure(random);
    plan.stages.push_back(stage);
  }
}

BatchTimes random_times(const Plan& plan, std::mt19937& random) {
  BatchTimes times;
  times.shape = {between(random, 1, 64), between(random, 1, 4096), between(random, 0, 4096), coin(random)};
  for (std::size_t l = 0; l < plan.model.layers.size(); ++l) times.layer_s.push_back(figure(random));
  for (std::size_t s = 1; s < plan.partition.size(); ++s) {
    times.boundary_latency_s.push_back(figure(random));
    times.boundary_bytes.push_back(bytes(random));
  }
  times.embedding_s = figure(random);
  times.head_s = figure(random);
  times.token_return_s = figure(random);
  times.relative_error = figure(random);
  times.outside = coin(random);
  if (coin(random)) times.alone_fraction = 0.75;
  return times;
}

Predicted random_prediction(int stages, std::mt19937& random) {
  Predicted predicted;
  predicted.output_tokens_per_s = figure(random);
  predicted.total_tokens_per_s = figure(random);
  predicted.ttft_s = figure(random);
  predicted.tpot_s = figure(random);
  predicted.bubble_fraction = figure(random) / 3;
  predicted.balance = figure(random) / 3;
  predicted.kv_tokens = bytes(random);
  predicted.limiting_stage = between(random, 0, stages - 1);
  predicted.lower_bound_s = figure(random);
  predicted.simulated_by = coin(random) ? "simgrid" : "analytic";
  const double low = figure(random);
  predicted.uncertainty = {{"ttft_s", {low, low + figure(random)}}, {"tpot_s", {-low, low}}};
  return predicted;
}

ClusterSpec random_cluster(std::mt19937& random, int devices) {
  ClusterFlags flags;
  const auto names = known_gpus();
  for (int i = 0; i < devices; ++i) flags.gpus = (i == 0 ? "" : flags.gpus + ",") + names[random() % names.size()];
  if (devices > 1 && coin(random)) flags.nodes = "1," + std::to_string(devices - 1);
  return read_cluster(flags);
}

Workload random_workload(std::mt19937& random) {
  Workload workload{between(random, 1, 9999),
                    between(random, 0, 999),
                    between(random, 1, 99),
                    static_cast<Goal>(random() % 4),
                    {},
                    {}};
  if (coin(random)) workload.max_ttft_s = figure(random);
  if (coin(random)) workload.max_tpot_s = figure(random);
  return workload;
}

}  // namespace

ModelSpec random_model(std::mt19937& random) {
  ModelSpec model;
  model.name = coin(random) ? "org/\"odd\" name \u00e9" : "plain";
  model.architecture = "LlamaForCausalLM";
  model.hidden = between(random, 1, 8192);
  while (model.layers.empty() || random() % 4 != 0)
    model.layers.insert(model.layers.end(), static_cast<std::size_t>(between(random, 1, 5)), random_layer(random));
  model.vocabulary = between(random, 1, 200000);
  model.tied_embedding = coin(random);
  model.max_position = between(random, 1, 131072);
  set_weight_dtype(model, random_dtype(random));
  model.kv_dtype = random_dtype(random);
  if (coin(random)) model.head_dtype = random_dtype(random);
  model.attention_may_be_wide = coin(random);
  if (coin(random)) model.quantization = coin(random) ? "awq" : "compressed-tensors";
  if (coin(random)) model.scale_group = {between(random, 1, 256), between(random, 1, 256)};
  model.rope_theta = figure(random) * 1e5;
  model.norm_epsilon = figure(random) * 1e-6;
  return model;
}

Plan random_plan(std::mt19937& random) {
  Plan plan;
  plan.model = random_model(random);
  const int layers = static_cast<int>(plan.model.layers.size());
  plan.parallel = {
      .tp = between(random, 1, 3), .pp = between(random, 1, std::min(layers, 4)), .dp = between(random, 1, 2)};
  const int ranks = plan.parallel.tp * plan.parallel.pp * plan.parallel.dp;
  plan.cluster = random_cluster(random, ranks + between(random, 0, 2));
  std::vector<int> devices;
  for (std::size_t i = 0; i < plan.cluster.devices.size(); ++i) devices.push_back(static_cast<int>(i));
  std::shuffle(devices.begin(), devices.end(), random);
  plan.workload = random_workload(random);
  plan.max_model_len = between(random, 1, 99999);
  plan.gpu_memory_utilization = figure(random) / 3;
  plan.partition = random_partition(random, layers, plan.parallel.pp);
  add_stages(plan, random, devices);
  plan.micro_batching = {between(random, 1, 9), between(random, 1, 9999), between(random, 1, 999),
                         between(random, 1, 3), coin(random)};
  for (int i = between(random, 0, 3); i > 0; --i) plan.times.push_back(random_times(plan, random));
  plan.predicted = random_prediction(plan.parallel.pp, random);
  plan.verdict = random_verdict(random);
  plan.warnings = {"a warning", ""};
  for (int i = between(random, 0, 2); i > 0; --i)
    plan.neighbours.push_back(
        {random_partition(random, layers, plan.parallel.pp), bytes(random), figure(random), random_verdict(random)});
  plan.launch = {{{"VLLM_PP_LAYER_PARTITION", "1,2"}}, "vllm serve 'x'"};
  plan.provenance = {"roofline", "vllm 0.14.0", "", "0.26", 1.5e-4, 2};
  plan.assumed = {"network"};
  plan.inputs = {{"gpus", "8"}, {"a/b~c", "odd"}};
  return plan;
}

}  // namespace ppplan::spec
