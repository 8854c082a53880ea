// Reading plan documents. Whatever can be told wrong from the document alone is refused here with its place; whether
// its claims are true is for the verifier.
#include <algorithm>
#include <numeric>
#include <set>

#include "planner/spec/fields.h"
#include "planner/spec/plan_json.h"

namespace ppplan::spec {
namespace {

using input::Node;

constexpr int most_stages = 10'000;
constexpr int most_degree = 4096;

Verdict verdict_from(const Node& node) {
  const std::string text = node.text();
  for (Verdict verdict : {Verdict::fits, Verdict::tight, Verdict::oom})
    if (name(verdict) == text) return verdict;
  node.fail("FITS, TIGHT or OOM");
}

std::string text_or_empty(const Node& node, const char* key) {
  const auto found = node.find(key);
  return found ? found->text() : "";
}

std::vector<std::string> texts(const Node& node) {
  std::vector<std::string> out;
  for (const Node& item : node.items()) out.push_back(item.text());
  return out;
}

std::map<std::string, std::string> text_map(const Node& node) {
  std::map<std::string, std::string> out;
  for (const std::string& key : node.keys()) out[key] = node.at(key).text();
  return out;
}

std::vector<double> times_of(const Node& node, std::size_t expected, const std::string& what) {
  const auto items = node.items();
  if (items.size() != expected) node.fail("an array of " + std::to_string(expected) + ", one per " + what);
  std::vector<double> out;
  for (const Node& item : items) out.push_back(item.number(0));
  return out;
}

StageMemory memory_from(const Node& node) {
  StageMemory out;
  for (const auto& [key, member] : memory_sizes) out.*member = node.at(key).integer(0);
  for (const auto& [key, member] : memory_balances) out.*member = node.at(key).integer();
  for (const auto& [key, member] : memory_details)
    if (const auto stated = node.find(key)) out.*member = stated->integer(0);
  if (const auto reserve = node.find("reserve_bytes")) out.reserve_bytes = reserve->integer();
  return out;
}

std::vector<int> group_from(const Node& node, const Plan& plan, std::set<int>& used) {
  const auto items = node.items();
  if (static_cast<int>(items.size()) != plan.parallel.tp)
    node.fail("an array of " + std::to_string(plan.parallel.tp) + ", one per tensor-parallel rank");
  std::vector<int> group;
  for (const Node& item : items) {
    group.push_back(static_cast<int>(item.integer(0, static_cast<std::int64_t>(plan.cluster.devices.size()) - 1)));
    if (!used.insert(group.back()).second) item.fail("a device that has no other part of the plan");
  }
  return group;
}

std::vector<std::vector<int>> stage_devices(const Node& node, const Plan& plan, std::set<int>& used) {
  const auto items = node.items();
  if (static_cast<int>(items.size()) != plan.parallel.dp)
    node.fail("an array of " + std::to_string(plan.parallel.dp) + ", one per replica");
  std::vector<std::vector<int>> out;
  for (const Node& item : items) out.push_back(group_from(item, plan, used));
  return out;
}

/// `first` is where the previous stage ended.
Stage stage_from(const Node& node, const Plan& plan, int first, int layers, std::set<int>& used) {
  Stage stage;
  stage.first_layer = static_cast<int>(node.at("first_layer").integer(first, first));
  stage.end_layer = static_cast<int>(node.at("end_layer").integer(first + layers, first + layers));
  stage.embedding = node.at("embedding").boolean();
  stage.head = node.at("head").boolean();
  if (const auto tower = node.find("tower")) stage.tower = tower->boolean();
  stage.devices = stage_devices(node.at("devices"), plan, used);
  stage.verdict = verdict_from(node.at("verdict"));
  stage.memory = memory_from(node.at("memory"));
  stage.kv_tokens = node.at("kv_tokens").integer(0);
  if (const auto blocks = node.find("kv_blocks")) stage.kv_blocks = blocks->integer(0);
  stage.prefill_s = node.at("time").at("prefill_s").number(0);
  stage.decode_s = node.at("time").at("decode_s").number(0);
  return stage;
}

void read_stages(const Node& node, Plan& plan) {
  const auto items = node.items();
  if (items.size() != plan.partition.size())
    node.fail("an array of " + std::to_string(plan.partition.size()) + ", one per entry of the partition");
  std::set<int> used;
  int first = 0;
  for (std::size_t s = 0; s < items.size(); ++s) {
    plan.stages.push_back(stage_from(items[s], plan, first, plan.partition[s], used));
    first = plan.stages.back().end_layer;
  }
  if (!plan.stages.front().embedding) items.front().at("embedding").fail("true on the first stage");
  if (!plan.stages.back().head) items.back().at("head").fail("true on the last stage");
}

std::vector<int> layers_per_stage(const Node& node, std::size_t stages, std::size_t layers) {
  const auto items = node.items();
  if (items.size() != stages) node.fail("an array of " + std::to_string(stages) + ", one per stage");
  std::vector<int> out;
  for (const Node& item : items) out.push_back(static_cast<int>(item.integer(1, static_cast<std::int64_t>(layers))));
  const std::int64_t total = std::accumulate(out.begin(), out.end(), std::int64_t{0});
  if (total != static_cast<std::int64_t>(layers))
    node.fail("entries that sum to the " + std::to_string(layers) + " layers of the model",
              "a sum of " + std::to_string(total));
  return out;
}

Parallel parallel_from(const Node& node, const ClusterSpec& cluster) {
  Parallel out;
  out.tp = static_cast<int>(node.at("tp").integer(1, most_degree));
  out.pp = static_cast<int>(node.at("pp").integer(1, most_stages));
  out.dp = static_cast<int>(node.at("dp").integer(1, most_degree));
  const std::int64_t ranks = std::int64_t{out.tp} * out.pp * out.dp;
  if (ranks > static_cast<std::int64_t>(cluster.devices.size()))
    node.fail("at most one rank per device (" + std::to_string(cluster.devices.size()) + ")",
              std::to_string(ranks) + " ranks");
  return out;
}

MicroBatching micro_batching_from(const Node& node) {
  MicroBatching out;
  out.in_flight = node.at("in_flight").count();
  out.max_num_batched_tokens = node.at("max_num_batched_tokens").count();
  out.max_num_seqs = node.at("max_num_seqs").count();
  if (const auto buffers = node.find("receive_buffers")) out.receive_buffers = buffers->count();
  if (const auto blocks = node.find("send_blocks_next")) out.send_blocks_next = blocks->boolean();
  return out;
}

std::map<std::string, Range> uncertainty_from(const Node& node) {
  std::map<std::string, Range> out;
  for (const std::string& key : node.keys()) {
    const Node item = node.at(key);
    const auto ends = item.items();
    if (ends.size() != 2) item.fail("[low, high]");
    const double low = ends[0].number();
    out[key] = {low, ends[1].number(low)};
  }
  return out;
}

Predicted predicted_from(const Node& node, int stages) {
  Predicted out;
  constexpr double rounding = 1e-9;
  for (const auto& [key, member] : predicted_amounts) out.*member = node.at(key).number(0);
  for (const auto& [key, member] : predicted_fractions) out.*member = node.at(key).number(-rounding, 1 + rounding);
  out.kv_tokens = node.at("kv_tokens").integer(0);
  out.limiting_stage = static_cast<int>(node.at("limiting_stage").integer(0, stages - 1));
  out.simulated_by = text_or_empty(node, "simulated_by");
  if (const auto ranges = node.find("uncertainty")) out.uncertainty = uncertainty_from(*ranges);
  return out;
}

std::vector<Neighbour> neighbours_from(const Node& node, const Plan& plan) {
  std::vector<Neighbour> out;
  for (const Node& item : node.items()) {
    Neighbour neighbour;
    neighbour.partition = layers_per_stage(item.at("partition"), plan.partition.size(), plan.model.layers.size());
    neighbour.kv_tokens = item.at("kv_tokens").integer(0);
    neighbour.output_tokens_per_s = item.at("output_tokens_per_s").number(0);
    neighbour.verdict = verdict_from(item.at("verdict"));
    out.push_back(neighbour);
  }
  return out;
}

BatchShape shape_from(const Node& node) {
  BatchShape out;
  out.sequences = node.at("sequences").count();
  out.new_tokens = node.at("new_tokens").count();
  out.past_tokens = node.at("past_tokens").count(0);
  out.samples = node.at("samples").boolean();
  if (std::int64_t{out.sequences} * out.new_tokens > std::numeric_limits<int>::max())
    node.fail("a batch of less than 2^31 tokens");
  return out;
}

BatchTimes batch_times_from(const Node& node, const Plan& plan) {
  const std::size_t boundaries = plan.partition.size() - 1;
  BatchTimes out;
  out.shape = shape_from(node);
  out.layer_s = times_of(node.at("layer_s"), plan.model.layers.size(), "layer");
  out.embedding_s = node.at("embedding_s").number(0);
  out.head_s = node.at("head_s").number(0);
  out.boundary_latency_s = times_of(node.at("boundary_latency_s"), boundaries, "boundary between stages");
  const auto bytes = node.at("boundary_bytes").items();
  if (bytes.size() != boundaries) node.at("boundary_bytes").fail("an array of " + std::to_string(boundaries));
  for (const Node& item : bytes) out.boundary_bytes.push_back(item.integer(0));
  out.token_return_s = node.at("token_return_s").number(0);
  out.relative_error = node.at("relative_error").number(0);
  out.outside = node.at("outside").boolean();
  if (const auto alone = node.find("alone_fraction")) out.alone_fraction = alone->number(1e-3, 1);
  return out;
}

Workload workload_from(const Node& node) {
  Workload out;
  out.input_tokens = node.at("input_tokens").count(0);
  out.output_tokens = node.at("output_tokens").count(0);
  out.concurrency = node.at("concurrency").count();
  const auto found = goal(node.at("goal").text());
  if (!found) node.at("goal").fail("throughput, ttft, tpot or max-context");
  out.goal = *found;
  if (const auto limit = node.find("max_ttft_s")) out.max_ttft_s = limit->number(0);
  if (const auto limit = node.find("max_tpot_s")) out.max_tpot_s = limit->number(0);
  return out;
}

EncoderSettings encoder_from(const Node& node) {
  EncoderSettings out;
  if (const auto images = node.find("images")) out.images = images->count(0);
  if (const auto videos = node.find("videos")) out.videos = videos->count(0);
  if (const auto pixels = node.find("max_pixels")) out.max_pixels = pixels->integer(1);
  out.data_parallel = node.at("data_parallel").boolean();
  return out;
}

AdapterSettings adapters_from(const Node& node) {
  constexpr int most = 1 << 16;
  const auto number = [&](const char* key) { return static_cast<int>(node.at(key).integer(1, most)); };
  return {number("count"), number("rank"), node.at("fully_sharded").boolean()};
}

/// One of the words that a setting takes.
std::string word_of(const Node& node, const std::vector<std::string>& known) {
  const std::string word = node.text();
  if (std::find(known.begin(), known.end(), word) != known.end()) return word;
  std::string list;
  for (const std::string& one : known) list += (list.empty() ? "" : ", ") + one;
  node.fail("one of " + list, "'" + word + "'");
}

GraphSettings graphs_from(const Node& node) {
  constexpr int most = 1 << 20;
  GraphSettings out;
  if (const auto sizes = node.find("graph_sizes"))
    for (const Node& size : sizes->items()) {
      out.sizes.push_back(static_cast<int>(size.integer(1, most)));
      if (out.sizes.size() > 1 && out.sizes.back() <= out.sizes.end()[-2]) size.fail("more than the size before it");
    }
  if (const auto mode = node.find("graph_mode"))
    out.mode = word_of(*mode, {"NONE", "PIECEWISE", "FULL", "FULL_DECODE_ONLY", "FULL_AND_PIECEWISE"});
  return out;
}

EngineSettings engine_from(const Node& node) {
  EngineSettings out;
  out.block_size = node.at("block_size").count();
  out.enforce_eager = node.at("enforce_eager").boolean();
  if (const auto bytes = node.find("kv_cache_memory_bytes")) out.kv_cache_memory_bytes = bytes->integer(1);
  if (const auto bytes = node.find("cpu_offload_bytes")) out.cpu_offload_bytes = bytes->integer(1);
  if (const auto chunked = node.find("chunked_prefill")) out.chunked_prefill = chunked->boolean();
  if (const auto states = node.find("state_dtype"))
    out.state_dtype = word_of(*states, {"float32", "float16", "bfloat16"});
  out.expert_parallel = node.at("expert_parallel").boolean();
  out.draft = node.at("draft").boolean();
  out.quantization = node.at("quantization").text();
  if (const auto generation = node.find("generation")) out.generation = word_of(*generation, {"V0", "V1"});
  if (const auto runner = node.find("runner")) out.runner = runner->text();
  if (const auto backend = node.find("moe_backend")) out.moe_backend = backend->text();
  out.graphs = graphs_from(node);
  if (const auto encoder = node.find("encoder")) out.encoder = encoder_from(*encoder);
  if (const auto adapters = node.find("adapters")) out.adapters = adapters_from(*adapters);
  return out;
}

void read_inputs(const Node& node, Plan& plan) {
  plan.assumed = texts(node.at("assumed"));
  if (const auto flags = node.find("flags")) plan.inputs = text_map(*flags);
  plan.max_model_len = node.at("max_model_len").count();
  plan.gpu_memory_utilization = node.at("gpu_memory_utilization").number(0, 1);
  if (const auto engine = node.find("engine")) plan.engine = engine_from(*engine);
  if (const auto list = node.find("corrections")) plan.corrections = corrections_from_json(*list);
  plan.workload = workload_from(node.at("workload"));
  plan.model = model_from_json(node.at("model"));
  plan.cluster = cluster_from_json(node.at("cluster"));
}

/// What the head of the document repeats of its inputs must say the same.
void check_summaries(const Node& node, const Plan& plan) {
  const Node model = node.at("model");
  if (model.at("name").text() != plan.model.name)
    model.at("name").fail("the name in /inputs/model, " + plan.model.name);
  const auto layers = static_cast<std::int64_t>(plan.model.layers.size());
  model.at("num_layers").integer(layers, layers);
  const Node list = node.at("cluster").at("devices");
  const auto devices = list.items();
  if (devices.size() != plan.cluster.devices.size())
    list.fail("an array of " + std::to_string(plan.cluster.devices.size()) + ", one per device of /inputs/cluster");
  for (std::size_t i = 0; i < devices.size(); ++i) {
    const Device& device = plan.cluster.devices[i];
    const auto index = static_cast<std::int64_t>(i);
    devices[i].at("index").integer(index, index);
    if (devices[i].at("name").text() != device.name)
      devices[i].at("name").fail("the name in /inputs/cluster, " + device.name);
    devices[i].at("memory_bytes").integer(device.memory_bytes, device.memory_bytes);
    devices[i].at("free_bytes").integer(device.free_bytes, device.free_bytes);
  }
}

Launch launch_from(const Node& node) { return {text_map(node.at("env")), node.at("command").text()}; }

Provenance provenance_from(const Node& node) {
  const auto speed = node.find("core_speed");
  const auto alone = node.find("alone_core_speed");
  const auto busy = node.find("busy_cores");
  return {node.at("costs").text(),      node.at("engine").text(),     node.at("profile").text(), node.at("vllm").text(),
          speed ? speed->number(0) : 0, alone ? alone->number(0) : 0, busy ? busy->count() : 0};
}

std::optional<Failure> failure_from(const Node& node, int stages) {
  const auto at = node.find("fails_at");
  if (!at) return std::nullopt;
  Failure out;
  out.at = at->text();
  const auto& known = failure_places;
  if (std::find(std::begin(known), std::end(known), out.at) == std::end(known))
    at->fail("weights, profile, cuda_graph, sampler, kv or context");
  out.stage = static_cast<int>(node.at("stage").integer(0, stages - 1));
  out.short_bytes = node.at("short_bytes").integer(0);
  return out;
}

Plan plan_from(const Node& node) {
  node.expect_format("ppplan/plan/", 1);
  Plan plan;
  const Node inputs = node.at("inputs");
  read_inputs(inputs, plan);
  check_summaries(node, plan);
  plan.parallel = parallel_from(node.at("parallel"), plan.cluster);
  const auto stages = static_cast<std::size_t>(plan.parallel.pp);
  plan.partition = layers_per_stage(node.at("partition"), stages, plan.model.layers.size());
  read_stages(node.at("stages"), plan);
  plan.micro_batching = micro_batching_from(node.at("micro_batching"));
  for (const Node& item : inputs.at("costs").items()) plan.times.push_back(batch_times_from(item, plan));
  plan.predicted = predicted_from(node.at("predicted"), plan.parallel.pp);
  plan.verdict = verdict_from(node.at("verdict"));
  plan.failure = failure_from(node, plan.parallel.pp);
  if (const auto longest = node.find("longest_context")) plan.longest_context = longest->integer(0);
  plan.warnings = texts(node.at("warnings"));
  plan.neighbours = neighbours_from(node.at("neighbours"), plan);
  plan.launch = launch_from(node.at("launch"));
  plan.provenance = provenance_from(node.at("provenance"));
  return plan;
}

}  // namespace

Plan plan_from_json(const Node& node) {
  const Node format = node.at("format");
  const std::string kind = format.text();
  if (kind.starts_with("ppplan/plan/")) return plan_from(node);
  if (!kind.starts_with("ppplan/search/")) format.fail("\"ppplan/plan/1\" or \"ppplan/search/1\"");
  node.expect_format("ppplan/search/", 1);
  const auto plans = node.at("plans").items();
  if (plans.empty()) node.at("plans").fail("at least one plan");
  return plan_from(plans.front());
}

}  // namespace ppplan::spec
