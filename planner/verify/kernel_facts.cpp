#include "planner/verify/kernel_facts.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "planner/catalog/catalog.h"
#include "planner/verify/memory_constants.h"
#include "planner/verify/model_facts.h"

namespace ppplan::verify {
namespace {

using input::Node;

double up(double value, double multiple) { return multiple * std::ceil(value / multiple); }

double number(const Node& node, const char* key) {
  const auto found = node.find(key);
  return found ? found->number(0) : 0;
}

double format_of(const Node& model, const char* key) {
  const auto found = model.find(key);
  return element_bytes(found ? *found : model.at("dtype"));
}

double plain_of(const Node& model) {
  if (model.find("activation_dtype")) return format_of(model, "activation_dtype");
  return model.at("dtype").text() == "fp32" ? 4 : 2;
}

double latent(const Node& model, const Node& a, const KernelPlace& place) {
  const double plain = plain_of(model), stored = format_of(model, "attention_dtype");
  const double latent_heads = a.at("heads").number(1) / static_cast<double>(place.tp) * a.at("kv_lora_rank").number(1);
  const double hidden = model.at("hidden").number(1);
  const double query = number(a, "q_lora_rank") > 0 ? number(a, "q_lora_rank") : hidden;
  double sum = 0;
  if (memory_constant("mla_absorbed", place.vllm) != 0) {
    // Only fp8 is quantized again after the product.
    const auto format = model.find(model.find("attention_dtype") ? "attention_dtype" : "dtype");
    sum = latent_heads * (query + hidden) * (format->text() == "fp8" ? 1 : plain);
    sum += plain * query * number(a, "rope_dim") * a.at("heads").number(1) / static_cast<double>(place.tp);
  }
  const double expanded = stored < 2 ? memory_constant("mla_expanded_bytes", place.vllm) : 0;
  return sum + expanded * latent_heads * (number(a, "nope_dim") + number(a, "value_dim"));
}

/// Where values are keys the engine holds the keys' matrix twice.
double second_copy(const Node& model, const Node& a, const KernelPlace& place) {
  const auto same = a.find("value_is_key");
  if (!same || !same->boolean()) return 0;
  const double heads = std::max(1.0, std::floor(number(a, "kv_heads") / static_cast<double>(place.tp)));
  return format_of(model, model.find("attention_dtype") ? "attention_dtype" : "dtype") * model.at("hidden").number(1) *
         heads * number(a, "head_dim");
}

int tenths(const Node& row, const char* key, int otherwise) {
  const auto found = row.find(key);
  return found ? static_cast<int>(std::lround(10 * std::stod(found->text()))) : otherwise;
}

bool is_for(const Node& row, const KernelPlace& place, bool asked) {
  if (asked) return place.moe_backend.find(row.at("kernel").text()) != std::string::npos;
  return place.compute_capability >= tenths(row, "from", 0) && place.compute_capability < tenths(row, "below", 100'000);
}

/// The newest row that fits, the later of those of one age; nothing fits what is older than all.
std::optional<Node> kernel_row(const KernelPlace& place, bool asked) {
  std::optional<Node> best;
  for (const Node& row : catalog::dtypes().root().at("mxfp4_kernels").items()) {
    if (!is_for(row, place, asked)) continue;
    if (!is_until(row.at("since").text(), place.vllm)) continue;
    if (!best || is_until(best->at("since").text(), row.at("since").text())) best = row;
  }
  return best;
}

double experts(const Node& model, const Node& block, const KernelPlace& place) {
  auto row = place.moe_backend.empty() ? std::nullopt : kernel_row(place, true);
  if (!row) row = kernel_row(place, false);
  if (!row || !model.find("expert_dtype") || model.at("expert_dtype").text() != "mxfp4") return 0;
  const double all = block.at("experts").number(1), whole = block.at("intermediate").number(1);
  const bool spread = place.expert_ranks > 0;
  const double held = spread ? std::ceil(all / static_cast<double>(place.expert_ranks)) : all;
  const double width = spread ? whole : whole / static_cast<double>(place.tp);
  const double hidden = expert_columns(block, model.at("hidden").number(1));
  const double h = up(hidden, row->at("hidden_multiple").number(1)), w = up(width, row->at("width_multiple").number(1));
  double one = 3 * (h * w - hidden * width) * (0.5 + 1.0 / 32);
  if (const double rows = row->at("scale_rows_multiple").number(0); rows > 0)
    one += h * up(2 * w, rows) / 32 + w * up(h, rows) / 32;
  if (const auto bias = block.find("expert_bias"); bias && bias->boolean())
    one += row->at("bias_bytes").number(1) * (2 * w + h) - plain_of(model) * (2 * width + hidden);
  return held * std::max(0.0, one);
}

double rotating(const Node& a) {
  const std::string kind = a.at("kind").text();
  if (kind == "mla" || kind == "compressed") return number(a, "rope_dim");
  return kind == "linear" || kind == "none" ? 0 : a.at("head_dim").number(1);
}

/// Gemma 2 of 0.5.4 does not share its table.
bool table_a_layer(const Node& model, const std::string& vllm) {
  return model.at("architecture").text() == "Gemma2ForCausalLM" &&
         memory_constant("gemma2_rotary_tables_shared", vllm) == 0;
}

/// Inputs and outputs of a layer's matrices: each stands for a strip of one rank's width beside it.
struct Strips {
  double shared = 0, split = 0;
};

Strips strips_of_attention(const Node& a, double h, double tp) {
  const std::string kind = a.at("kind").text();
  if (kind == "none" || kind == "compressed") return {};
  const auto get = [&](const char* key) { return number(a, key); };
  if (kind == "linear")
    return {h + h + h, 2 * get("key_heads") * get("key_head_dim") + 3 * get("value_heads") * get("value_head_dim")};
  const double n = get("heads");
  if (kind == "mla") {
    const double down = get("q_lora_rank"), latent_width = get("kv_lora_rank");
    return {3 * h + 2 * down + 2 * latent_width + get("rope_dim"),
            n * (2 * get("nope_dim") + get("rope_dim") + 2 * get("value_dim"))};
  }
  const auto gate = a.find("output_gate");
  const double wide = get("head_dim"), asked = gate && gate->boolean() ? 2 * n : n;
  return {3 * h + h, wide * (asked + 2 * std::max(get("kv_heads"), tp) + n)};
}

double adapters(const Node& model, const Node& run, const KernelPlace& place) {
  if (place.adapter_ranks == 0) return 0;
  const Node block = run.at("feed_forward");
  const std::string kind = block.at("kind").text();
  const double h = model.at("hidden").number(1), tp = static_cast<double>(place.tp);
  Strips strips = strips_of_attention(run.at("attention"), h, tp);
  const double dense = kind == "dense" ? number(block, "intermediate")
                       : kind == "moe" ? number(block, "shared_intermediate")
                                       : 0;
  const double matrices = block_matrices(block);
  if (dense > 0) strips.shared += matrices * h, strips.split += matrices * dense;
  double sum = strips.shared / (place.divided_adapters ? tp : 1) + strips.split / tp;
  if (kind == "moe" && memory_constant("lora_experts", place.vllm) != 0) {
    const bool spread = place.expert_ranks > 0;
    const double here = number(block, "experts") / (spread ? static_cast<double>(place.expert_ranks) : 1);
    const double in = expert_columns(block, h);
    sum += std::ceil(here) * matrices * (in + number(block, "intermediate") / (spread ? 1 : tp));
  }
  return place.adapter_ranks * plain_of(model) * sum;
}

}  // namespace

double kept_bytes(const Node& model, const Node& run, const KernelPlace& place) {
  const Node attention = run.at("attention"), block = run.at("feed_forward");
  const double copies = attention.at("kind").text() == "mla" ? latent(model, attention, place) : 0;
  const double table =
      table_a_layer(model, place.vllm) ? number(model, "max_position") * rotating(attention) * plain_of(model) : 0;
  return std::round(table + copies + second_copy(model, attention, place) + adapters(model, run, place) +
                    (block.at("kind").text() == "moe" ? experts(model, block, place) : 0));
}

double rotary_bytes(const Node& model, const std::string& vllm) {
  if (table_a_layer(model, vllm)) return 0;
  double dims = 0;
  for (const Node& run : model.at("layers").items()) dims = std::max(dims, rotating(run.at("attention")));
  return std::round(number(model, "max_position") * dims * plain_of(model));
}

}  // namespace ppplan::verify
