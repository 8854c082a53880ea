#include "planner/engines/dtype_support.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "planner/catalog/catalog.h"
#include "planner/engines/vllm_rules.h"
#include "planner/engines/vllm_version.h"
#include "planner/spec/gpu_kind.h"

namespace ppplan::engines {
namespace {

using input::Node;
using Kind = DtypeSupport::Kind;

Kind kind_of(const Node& node) {
  const std::string text = node.text();
  if (text == "native") return Kind::native;
  if (text == "weight_only") return Kind::weight_only;
  if (text == "unsupported") return Kind::unsupported;
  node.fail("native, weight_only or unsupported");
}

int capability(const Node& rule, const std::string& key, int otherwise) {
  const auto found = rule.find(key);
  return found ? spec::compute_capability(found->text(), found->pointer()) : otherwise;
}

std::string dotted(int capability) { return std::to_string(capability / 10) + "." + std::to_string(capability % 10); }

std::string card_text(const spec::Device& device) {
  return device.name + " (compute capability " + dotted(device.compute_capability) + ")";
}

bool lists(const Node& list, const std::string& text) {
  for (const Node& item : list.items())
    if (item.text() == text) return true;
  return false;
}

std::string architecture_of(const spec::Device& device) {
  const auto known = spec::catalog_gpus().find(device.name);
  return known == spec::catalog_gpus().end() ? "" : known->second.architecture;
}

DtypeSupport amd_support(const std::string& card, const std::string& architecture, const std::string& dtype) {
  for (const Node& rule : catalog::dtypes().root().at("amd").items())
    if (lists(rule.at("architectures"), architecture) && lists(rule.at("dtypes"), dtype)) {
      const Kind kind = kind_of(rule.at("kind"));
      return {kind, kind == Kind::unsupported ? card + " (" + architecture + ") has no " + dtype : ""};
    }
  return {Kind::unknown, dtype + " on " + card + " (" + architecture + ") is not modelled"};
}

/// The rule of a card and a version: of those that fit, the newest; of those of one age, the later in the table.
std::optional<Node> fitting_rule(const Node& rules, const std::string& dtype, int card, const VllmVersion& version) {
  std::optional<Node> best;
  for (const Node& rule : rules.items()) {
    const bool fits = rule.at("dtype").text() == dtype && capability(rule, "from", 0) <= card &&
                      card < capability(rule, "below", std::numeric_limits<int>::max()) &&
                      vllm_version(rule.at("since").text()) <= version;
    if (fits && (!best || vllm_version(best->at("since").text()) <= vllm_version(rule.at("since").text()))) best = rule;
  }
  return best;
}

/// Lowest compute capability on which any card runs the format under that version.
std::optional<int> lowest_capability(const Node& rules, const std::string& dtype, const VllmVersion& version) {
  std::optional<int> lowest;
  for (const Node& rule : rules.items()) {
    if (rule.at("dtype").text() != dtype || vllm_version(rule.at("since").text()) > version) continue;
    if (kind_of(rule.at("kind")) == Kind::unsupported) continue;
    const int from = capability(rule, "from", 0);
    lowest = std::min(lowest.value_or(from), from);
  }
  return lowest;
}

/// "0.8.5.dev169+gce17db808": whoever made it chose the cards that its kernels were built for.
bool built_from_source(const std::string& text) {
  return text.find(".dev") != std::string::npos || text.find('+') != std::string::npos;
}

/// Cards that are newer than the version: the kernels of its release were not built for them.
std::optional<std::string> card_too_new(const spec::Device& device, const std::string& text,
                                        const VllmVersion& version) {
  if (built_from_source(text)) return std::nullopt;
  for (const Node& rule : catalog::dtypes().root().at("newest_cards").items())
    if (device.compute_capability >= capability(rule, "from", 0) && version < vllm_version(rule.at("since").text()))
      return "vLLM " + text + " was not built for " + card_text(device) + "; from " + rule.at("since").text() +
             " on, or built from source (--vllm " + text + ".dev0)";
  return std::nullopt;
}

std::string weight_only_text(const std::string& what, const std::string& how, const spec::Device& device) {
  return what + " on " + card_text(device) + " only save memory, computed in 16 bits" + (how.empty() ? "" : ": " + how);
}

DtypeSupport refusal(const Node& rules, const std::string& what, const std::string& dtype, const spec::Device& device,
                     const VllmVersion& version, const std::string& text) {
  const auto lowest = lowest_capability(rules, dtype, version);
  if (!lowest) return {Kind::unsupported, "vLLM " + text + " has no " + what};
  return {Kind::unsupported, what + " need compute capability " + dotted(*lowest) + " under vLLM " + text + ", " +
                                 device.name + " has " + dotted(device.compute_capability)};
}

DtypeSupport cuda_support(const Node& rules, const std::string& what, const std::string& dtype,
                          const spec::Device& device, const std::string& text) {
  const VllmVersion version = vllm_version(text);
  if (const auto reason = card_too_new(device, text, version)) return {Kind::unsupported, *reason};
  const auto rule = fitting_rule(rules, dtype, device.compute_capability, version);
  if (!rule) return refusal(rules, what, dtype, device, version, text);
  const Kind kind = kind_of(rule->at("kind"));
  const std::string how = rule->at("reason").text();
  if (kind == Kind::weight_only) return {kind, weight_only_text(what, how, device)};
  if (kind == Kind::unsupported) return {kind, what + " do not run on " + card_text(device) + ": " + how};
  return {kind, ""};
}

DtypeSupport support(const std::string& table, const std::string& what, spec::DType dtype, const spec::Device& device,
                     const std::string& vllm) {
  const std::string format(spec::name(spec::family(dtype)));
  const std::string architecture = architecture_of(device);
  if (!architecture.empty()) return amd_support(device.name, architecture, format);
  if (device.compute_capability <= 0)
    return {Kind::unknown, "the compute capability of " + device.name +
                               " is not known, so that nothing is said about " + format + " (--gpu-spec cc=8.9)"};
  const std::string version = version_or_newest(vllm);
  return cuda_support(catalog::dtypes().root().at(table), format + " " + what, format, device, version);
}

}  // namespace

bool built_for(const spec::Device& device, const std::string& vllm) {
  const std::string version = version_or_newest(vllm);
  return !card_too_new(device, version, vllm_version(version));
}

DtypeSupport dtype_support(const spec::Device& device, spec::DType dtype, const std::string& vllm_version) {
  return support("weights", "weights", dtype, device, vllm_version);
}

DtypeSupport kv_dtype_support(const spec::Device& device, spec::DType dtype, const std::string& vllm_version) {
  return support("kv_cache", "KV entries", dtype, device, vllm_version);
}

bool falls_back_to_fp16(const std::string& vllm_version) {
  const std::string version = version_or_newest(vllm_version);
  const Node since = catalog::dtypes().root().at("bf16_falls_back").at("since");
  return engines::vllm_version(version) >= engines::vllm_version(since.text());
}

namespace {

/// NVIDIA's cards alone have a compute capability.
std::string capability_fault(const Node& rule, const std::string& what, const spec::Device& device) {
  const int needed = capability(rule, "from", 0);
  if (device.compute_capability <= 0 || device.compute_capability >= needed) return "";
  return what + " need compute capability " + dotted(needed) + ", " + device.name + " has " +
         dotted(device.compute_capability);
}

std::string method_fault(const spec::ModelSpec& model, const spec::Device& device) {
  for (const Node& rule : catalog::dtypes().root().at("methods").items())
    if (rule.at("method").text() == model.quantization)
      return capability_fault(rule, model.quantization + " checkpoints", device);
  return "";
}

std::string sparse_fault(const spec::ModelSpec& model, const spec::Device& device) {
  const bool sparse = std::any_of(model.layers.begin(), model.layers.end(), [](const spec::Layer& layer) {
    return layer.attention.kind == spec::AttentionKind::mla && layer.attention.index_heads > 0;
  });
  const Node rule = catalog::dtypes().root().at("sparse_latent_attention");
  return sparse ? capability_fault(rule, "kernels of sparse latent attention", device) : "";
}

}  // namespace

std::string format_fault(const spec::ModelSpec& model, const spec::Device& device, const std::string& vllm_version) {
  for (std::string text : {method_fault(model, device), sparse_fault(model, device)})
    if (!text.empty()) return text;
  const auto fault = [&](const DtypeSupport& support, spec::DType dtype, const char* what) {
    if (support.kind != DtypeSupport::Kind::unsupported) return std::string();
    return std::string(spec::name(dtype)) + " " + what + " on " + device.name +
           (support.reason.empty() ? "" : ": " + support.reason);
  };
  for (const spec::DType dtype : {model.dtype, model.attention_dtype, model.expert_dtype})
    if (std::string text = fault(dtype_support(device, dtype, vllm_version), dtype, "weights"); !text.empty())
      return text;
  return fault(kv_dtype_support(device, model.kv_dtype, vllm_version), model.kv_dtype, "KV cache");
}

}  // namespace ppplan::engines
