#include "planner/cost/activation_memory.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <string>
#include <tuple>

#include "planner/cost/communicator_memory.h"
#include "planner/engines/encoder_budget.h"
#include "planner/engines/kv_groups.h"
#include "planner/engines/line_graphs.h"
#include "planner/engines/vllm_rules.h"

namespace ppplan::cost {
namespace {

using spec::AttentionKind;
using spec::FeedForwardKind;

constexpr int hopper = 9, blackwell_servers = 10;  // majors of the compute capability
constexpr double compressed_heads = 64;            // models/deepseek_v4/attention.py, get_padded_num_q_heads

std::int64_t bytes(double value) { return static_cast<std::int64_t>(std::llround(value)); }

double attention_elements(const spec::Plan& plan, const spec::Attention& a, const engines::MemoryRules& rules) {
  const double tp = plan.parallel.tp;
  // Queries, keys, values and their output, each of all heads and as wide.
  if (const int wide = engines::expanded_head_elements(plan.model, a, rules)) return 4 * std::ceil(a.heads / tp) * wide;
  switch (a.kind) {
    case AttentionKind::none:
    case AttentionKind::mla:
      return 0;
    case AttentionKind::linear:
      return (4.0 * a.key_heads * a.key_head_dim + 5.0 * a.value_heads * a.value_head_dim) / tp;
    case AttentionKind::compressed:
      // Queries, and as many heads as the kernel takes at least, for their padded copy and for the output.
      return (a.heads / tp + 2 * std::max(compressed_heads, a.heads / tp)) * a.head_dim;
    default:
      return (2.0 * a.heads / tp + 2.0 * std::max(1.0, a.kv_heads / tp)) * a.head_dim;
  }
}

double feed_forward_elements(const spec::Plan& plan, const spec::FeedForward& f, double chunk) {
  const double tp = plan.parallel.tp;
  if (f.kind == FeedForwardKind::none) return 0;
  if (f.kind == FeedForwardKind::dense) return 1.0 * spec::block_matrices(f) * f.intermediate / tp;
  const double width = f.intermediate / (plan.engine.expert_parallel ? 1.0 : tp);
  const double tokens = plan.micro_batching.max_num_batched_tokens, in = spec::expert_hidden(plan.model, f);
  const double routed = f.experts_per_token * (std::max((spec::block_matrices(f) - 1) * width, in) + width);
  return routed * std::min(1.0, chunk / tokens) + 2.0 * f.experts;
}

/// Cached latents that one prefill may expand at a time.
double expanded_tokens(const spec::Plan& plan, double limit, int block) {
  const double blocks = 1.0 * plan.micro_batching.max_num_seqs * block;
  return std::max(std::min(std::max(8.0 * plan.max_model_len, 4 * blocks), limit), blocks);
}

/// What the profile run sees of that, which differs by version.
double workspace_elements(const spec::Plan& plan, const spec::Attention& a, const engines::MemoryRules& rules,
                          int block) {
  if (a.kind != AttentionKind::mla || engines::expanded_head_elements(plan.model, a, rules) > 0) return 0;
  const double tokens = expanded_tokens(plan, rules.value("mla_workspace_tokens"), block);
  const double heads = std::ceil(1.0 * a.heads / plan.parallel.tp);
  const double expanded = tokens * heads * (a.nope_dim + a.value_dim);
  const double keys = tokens * (heads * (a.nope_dim + a.rope_dim) + a.kv_lora_rank + a.rope_dim);
  return rules.value("mla_profiled_expansion") * expanded + rules.value("mla_profiled_keys") * keys;
}

double widest_elements(const spec::Plan& plan, const spec::Stage& stage, const engines::MemoryRules& rules, int block) {
  const double tokens = plan.micro_batching.max_num_batched_tokens;
  const double chunk = rules.value("moe_chunk_tokens");
  double widest = 0;
  for (int l = stage.first_layer; l < stage.end_layer; ++l) {
    const spec::Layer& layer = plan.model.layers[static_cast<std::size_t>(l)];
    if (l > stage.first_layer && layer == plan.model.layers[static_cast<std::size_t>(l) - 1]) continue;
    widest = std::max({widest, tokens * attention_elements(plan, layer.attention, rules),
                       tokens * feed_forward_elements(plan, layer.feed_forward, chunk),
                       workspace_elements(plan, layer.attention, rules, block)});
  }
  return widest;
}

/// Vectors of [hidden] that a token has at once: of residuals one for each stream.
double hidden_copies(const spec::Plan& plan, const engines::MemoryRules& rules) {
  const double one_stream = rules.value("forward_hidden_copies");
  return 1 + (one_stream - 1) * plan.model.residual_streams +
         (plan.parallel.tp > 1 ? rules.value("reduced_hidden_copies") : 0);
}

bool is_last(const spec::Plan& plan, const spec::Stage& stage) {
  return stage.end_layer == static_cast<int>(plan.model.layers.size());
}

/// The layers' own embeddings are there for the whole pass; where they are made, rows and projection come beside them.
/// On the last stage models with several streams keep a buffer of all of them.
double own_bytes(const spec::Plan& plan, const spec::Stage& stage, double of_an_element) {
  double width = 0;
  for (const spec::Layer& layer : plan.model.layers) width += layer.own_embedding;
  const double streams = is_last(plan, stage) && plan.model.residual_streams > 1 ? plan.model.residual_streams : 0;
  return of_an_element * ((stage.first_layer == 0 ? 3 : 1) * width + streams * plan.model.hidden);
}

/// Matrix products keep a workspace in PyTorch's allocator, of a size by the card.
double library_workspace(const spec::Plan& plan, const spec::Stage& stage, const engines::MemoryRules& rules) {
  bool hopper = false;
  for (const auto& group : stage.devices)
    for (const int index : group)
      hopper = hopper || plan.cluster.devices[static_cast<std::size_t>(index)].compute_capability >= 90;
  return rules.value(hopper ? "library_workspace_hopper_bytes" : "library_workspace_bytes");
}

/// Rows in which a sparse attention gathers its indexer's keys; the profile run reserves them, and they stay.
double indexer_rows_bytes(const spec::Plan& plan, const spec::Stage& stage, const engines::MemoryRules& rules) {
  double widest = 0;  // bytes for each token of a context
  for (int l = stage.first_layer; l < stage.end_layer; ++l) {
    const spec::Layer& layer = plan.model.layers[static_cast<std::size_t>(l)];
    const double of_entry = static_cast<double>(spec::indexer_bytes_per_token(layer));
    widest = std::max(widest, of_entry / std::max(1, layer.attention.compress_ratio));
  }
  return rules.value("indexer_contexts") * plan.max_model_len * widest;
}

/// Engine V0 keeps the states of recurrent layers beside the KV cache, for as many sequences as there may be.
std::int64_t states_bytes(const spec::Plan& plan, const spec::Stage& stage, const engines::MemoryRules& rules) {
  if (rules.is("kv_states_paged")) return 0;
  std::int64_t sum = 0;
  for (int l = stage.first_layer; l < stage.end_layer; ++l)
    sum += spec::state_bytes_per_sequence(plan.model, plan.model.layers[static_cast<std::size_t>(l)], plan.parallel.tp);
  return plan.micro_batching.max_num_seqs * sum;
}

/// Model runner V2 profiles the tower where it runs, the older one wherever it is loaded.
bool runs_tower(const spec::Plan& plan, const spec::Stage& stage) {
  return stage.tower && (stage.first_layer == 0 || !on_v2_runner(plan));
}

/// Of one run that sets sampling parameters.
double sampling_bytes(const spec::Plan& plan, const engines::MemoryRules& rules, double sequences, double of_logit) {
  const double rows = std::min(sequences, rules.value("sampler_buffer_rows"));
  return plan.model.vocabulary * (sequences * of_logit + 4 * rows);
}

/// Of one run with max_num_seqs sequences.
double sampler_run_bytes(const spec::Plan& plan, const engines::MemoryRules& rules) {
  const double sequences = plan.micro_batching.max_num_seqs;
  if (on_v2_runner(plan)) return sequences * plan.model.vocabulary * rules.value("v2_sampler_bytes_per_logit");
  return sampling_bytes(plan, rules, sequences, rules.value("sampler_bytes_per_logit"));
}

/// Of model runner V2 once KV is allocated.
double warm_up_run_bytes(const spec::Plan& plan, const engines::MemoryRules& rules) {
  if (!on_v2_runner(plan)) return 0;
  const int prompts = std::max(1, plan.micro_batching.max_num_batched_tokens / 2);
  return sampling_bytes(plan, rules, std::min(plan.micro_batching.max_num_seqs, prompts),
                        rules.value("v2_warm_up_bytes_per_logit"));
}

/// What the sampler keeps from the start.
double penalty_bytes(const spec::Plan& plan, const engines::MemoryRules& rules) {
  if (!on_v2_runner(plan)) return 0;
  return 1.0 * plan.micro_batching.max_num_seqs * plan.model.vocabulary * rules.value("v2_penalty_bytes_per_logit");
}

/// With a tower the graph begins behind the embedding (inputs_embeds of vllm/v1/worker/gpu_model_runner.py).
bool compiles_embedding(const spec::Plan& plan, const spec::Stage& stage) {
  if (plan.engine.enforce_eager || stage.first_layer > 0) return false;
  return plan.model.tower.parameters == 0 || engines::leaves_tower_out(plan);
}

/// `peak` of what the profile run takes when nothing is compiled in it.
double compile_bytes(const spec::Plan& plan, const spec::Stage& stage, const engines::MemoryRules& rules, double peak) {
  if (!compiles_embedding(plan, stage)) return 0;
  const double table = static_cast<double>(spec::token_table_bytes(plan.model)) / plan.parallel.tp;
  return rules.value("compile_peak_tables") * std::max(0.0, table - peak) + rules.value("compile_kept_tables") * table;
}

/// Largest number of tokens that a graph is captured for.
int graph_tokens(const spec::Plan& plan, const engines::MemoryRules& rules) {
  if (const auto& told = plan.engine.graphs.sizes; !told.empty()) {
    const auto end = std::upper_bound(told.begin(), told.end(), plan.micro_batching.max_num_batched_tokens);
    return end == told.begin() ? 0 : *(end - 1);
  }
  const auto largest = static_cast<int>(rules.value("cuda_graph_tokens"));
  const auto a_sequence = static_cast<int>(rules.value("cuda_graph_tokens_per_sequence"));
  const int usual = std::min(a_sequence * std::min(plan.micro_batching.max_num_seqs, largest), largest);
  const int wanted = is_gpt_oss(plan) ? static_cast<int>(rules.value("gpt_oss_graph_tokens")) : usual;
  return std::min(wanted, std::max(usual, plan.micro_batching.max_num_batched_tokens));
}

/// Captured sizes of at most `tokens`, of those that the server is told or of its own.
int sizes_until(const spec::Plan& plan, int tokens, const engines::MemoryRules& rules) {
  const std::vector<int>& told = plan.engine.graphs.sizes;
  if (told.empty()) return captured_sizes(tokens, static_cast<int>(rules.value("cuda_graph_eights_below")));
  return static_cast<int>(std::upper_bound(told.begin(), told.end(), tokens) - told.begin());
}

}  // namespace

bool is_gpt_oss(const spec::Plan& plan) { return plan.model.architecture == "GptOssForCausalLM"; }

bool on_v2_runner(const spec::Plan& plan) {
  if (!plan.engine.runner.empty()) return plan.engine.runner == "V2";
  // Asked for every stage of every partition, while the answer follows from little of the model.
  static std::mutex mutex;
  static std::map<std::tuple<std::string, std::string, spec::DType, bool, bool>, bool> known;
  const auto& layers = plan.model.layers;
  const bool experts = spec::has_experts(plan.model);
  const bool hybrid = std::any_of(layers.begin(), layers.end(), [](const spec::Layer& layer) {
    return layer.attention.kind == AttentionKind::linear;
  });
  const std::string version = engines::version_or_newest(plan.provenance.vllm);
  const std::lock_guard lock(mutex);
  const auto [place, added] =
      known.try_emplace({version, plan.model.architecture, plan.model.dtype, experts, hybrid}, false);
  if (added) place->second = engines::default_runner(version, plan.model) == "V2";
  return place->second;
}

bool graphs_in_budget(const spec::Plan& plan) {
  const engines::MemoryRules& rules = engines::memory_rules(plan);
  return rules.is(on_v2_runner(plan) ? "v2_cuda_graphs_in_budget" : "cuda_graphs_in_budget");
}

int latent_block_tokens(const spec::Plan& plan, const engines::KvLayout& layout) {
  const auto whole = std::find_if(layout.groups.begin(), layout.groups.end(),
                                  [](const engines::KvGroup& group) { return group.kind == AttentionKind::gqa; });
  return whole == layout.groups.end() ? plan.engine.block_size : whole->block_tokens;
}

std::int64_t latent_workspace_bytes(const spec::Plan& plan, const spec::Stage& stage, const engines::MemoryRules& rules,
                                    int latent_block) {
  for (int l = stage.first_layer; l < stage.end_layer; ++l) {
    const spec::Attention& a = plan.model.layers[static_cast<std::size_t>(l)].attention;
    if (a.kind != AttentionKind::mla) continue;
    return bytes(rules.value("mla_workspace_beside") *
                 expanded_tokens(plan, rules.value("mla_workspace_tokens"), latent_block) *
                 (a.kv_lora_rank + a.rope_dim) * spec::bytes_per_element(plan.model.activation_dtype));
  }
  return 0;
}

std::int64_t flashinfer_bytes(const spec::Plan& plan, const spec::Stage& stage, const engines::MemoryRules& rules) {
  const auto card = static_cast<std::size_t>(stage.devices.front().front());
  const int major = plan.cluster.devices[card].compute_capability / 10;
  const bool narrow = plan.model.kv_dtype == spec::DType::fp8 && major != hopper;
  if ((!narrow && major != blackwell_servers) || latent_workspace_bytes(plan, stage, rules, plan.engine.block_size) > 0)
    return 0;
  const int largest = std::min(plan.micro_batching.max_num_seqs, graph_tokens(plan, rules));
  const int sizes = captures_graphs(plan, rules) ? sizes_until(plan, largest, rules) : 1;
  return bytes(rules.value("flashinfer_workspace_bytes") + sizes * rules.value("flashinfer_size_bytes"));
}

ActivationMemory activation_memory(const spec::Plan& plan, const spec::Stage& stage, const engines::MemoryRules& rules,
                                   int latent_block) {
  const double element = spec::bytes_per_element(plan.model.activation_dtype);
  const double tokens = plan.micro_batching.max_num_batched_tokens;
  const double hidden = tokens * plan.model.hidden * element;
  const double boundary = tokens * static_cast<double>(spec::boundary_bytes_per_token(plan.model));
  // What travels is hidden state and residual, which the constant counts as two.
  const double buffers = stage.first_layer > 0 ? rules.value("boundary_hidden_copies") / 2 * boundary : 0;
  const double forward = hidden_copies(plan, rules) * hidden + own_bytes(plan, stage, tokens * element) +
                         element * widest_elements(plan, stage, rules, latent_block);
  ActivationMemory out;
  const double workspace = library_workspace(plan, stage, rules) + indexer_rows_bytes(plan, stage, rules);
  out.forward_bytes = bytes(forward + buffers + workspace);
  out.state_bytes = states_bytes(plan, stage, rules);
  double peak = forward, kept = 0;
  if (runs_tower(plan, stage)) {
    const engines::EncoderLoad load = engines::encoder_load(plan);
    // Features of the tower's inner layers come beside those of its last.
    const double vector = (1.0 + plan.model.tower.deepstack_layers) * plan.model.hidden * element;
    const double outputs = static_cast<double>(load.tokens) * vector;
    const double cached = static_cast<double>(load.cached_tokens) * vector;
    peak = outputs + std::max(forward + cached, static_cast<double>(load.patches) * load.bytes_per_patch);
    if (rules.is("encoder_outputs_kept")) kept = outputs + cached;
    out.encoder_bytes = bytes(peak - forward);
  }
  double after = 0;  // what the sampler takes again once KV is allocated
  if (is_last(plan, stage)) {
    const double run = sampler_run_bytes(plan, rules), warm_up = warm_up_run_bytes(plan, rules);
    out.sampler_run_bytes = bytes(run);
    out.sampler_bytes = bytes(penalty_bytes(plan, rules) + std::max(0.0, kept + hidden + run - peak));
    peak = std::max(peak, kept + hidden + run);
    out.warm_up_bytes = bytes(std::max(0.0, warm_up - peak));
    after = std::max(run, warm_up);
  }
  out.compile_bytes = bytes(compile_bytes(plan, stage, rules, peak));
  const double captured = workspace + forward * std::min(1.0, graph_tokens(plan, rules) / tokens);
  const std::int64_t whole = out.forward_bytes + out.encoder_bytes + out.sampler_bytes;
  out.idle_bytes = std::max<std::int64_t>(0, whole - std::max(bytes(captured), bytes(after)));
  return out;
}

int captured_sizes(int largest, int eights_below) {
  int sizes = 0;
  for (int size = 1; size <= largest; size = engines::next_captured(size, eights_below)) ++sizes;
  return sizes;
}

std::string graph_mode(const spec::Plan& plan, const engines::MemoryRules& rules) {
  return rules.is("cuda_graph_modes_heeded") ? plan.engine.graphs.mode : std::string();
}

bool captures_graphs(const spec::Plan& plan, const engines::MemoryRules& rules) {
  return !plan.engine.enforce_eager && graph_mode(plan, rules) != "NONE";
}

std::int64_t captured_layers(const spec::Plan& plan, const spec::Stage& stage, const engines::MemoryRules& rules) {
  if (!captures_graphs(plan, rules)) return 0;
  const int tokens = graph_tokens(plan, rules);
  const std::string mode = graph_mode(plan, rules);
  const bool decodes_alone = mode == "FULL_DECODE_ONLY";
  const bool twice = mode.empty() ? rules.value("cuda_graph_modes") > 1 : mode == "FULL_AND_PIECEWISE";
  std::int64_t graphs = decodes_alone ? 0 : sizes_until(plan, tokens, rules);
  if (decodes_alone || twice) graphs += sizes_until(plan, std::min(plan.micro_batching.max_num_seqs, tokens), rules);
  return graphs * (stage.end_layer - stage.first_layer);
}

std::int64_t cuda_graph_bytes(const spec::Plan& plan, const spec::Stage& stage, const engines::MemoryRules& rules) {
  if (!captures_graphs(plan, rules)) return 0;
  const double of_layer = rules.value(is_gpt_oss(plan) ? "gpt_oss_graph_layer_bytes" : "cuda_graph_layer_bytes") +
                          rules.value("cuda_graph_driver_bytes") + collective_graph_bytes(plan, stage, rules);
  // Model runner V2 captures all that it estimates.
  const bool guessed = graphs_in_budget(plan) && !on_v2_runner(plan);
  const double estimate = guessed ? rules.value("cuda_graph_estimate_bytes") : 0;
  return bytes(rules.value("cuda_graph_base_bytes") +
               static_cast<double>(captured_layers(plan, stage, rules)) * of_layer + estimate);
}

}  // namespace ppplan::cost
