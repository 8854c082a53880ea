#include "planner/engines/architecture_rules.h"

#include <algorithm>
#include <optional>

#include "planner/catalog/catalog.h"
#include "planner/engines/scale_groups.h"
#include "planner/engines/vllm_partition.h"
#include "planner/engines/vllm_version.h"

namespace ppplan::engines {
namespace {

using input::Node;
using spec::AttentionKind;

/// Documents may name architectures that the catalog lacks; the rules of the Llama file hold for those.
std::optional<Node> rules_of(const std::string& architecture) {
  const auto entry = catalog::architecture(architecture);
  if (!entry) return std::nullopt;
  return entry->at("pipeline");
}

std::string word(const spec::ModelSpec& model, const char* key, const char* otherwise) {
  const auto rules = rules_of(model.architecture);
  const auto found = rules ? rules->find(key) : std::nullopt;
  return found ? found->text() : otherwise;
}

std::string not_divisible(const std::string& what, int tp) {
  return what + " are not divisible by " + std::to_string(tp);
}

std::string counted_fault(int count, const char* what, int tp) {
  return count % tp == 0 ? "" : not_divisible(std::to_string(count) + " " + what, tp);
}

/// Whole KV heads per rank, or the same head on whole groups of ranks.
bool divides_kv_heads(int kv_heads, int tp) { return kv_heads >= tp ? kv_heads % tp == 0 : tp % kv_heads == 0; }

std::string attention_fault(const spec::Attention& attention, int tp) {
  if (attention.kind == AttentionKind::none) return "";
  if (attention.kind == AttentionKind::linear) {
    // One group of states (Mamba-2) is copied to every rank.
    if (attention.key_heads == 1) return counted_fault(attention.value_heads, "value heads of linear attention", tp);
    const std::string keys = counted_fault(attention.key_heads, "key heads of linear attention", tp);
    return keys.empty() ? counted_fault(attention.value_heads, "value heads of linear attention", tp) : keys;
  }
  const std::string heads = counted_fault(attention.heads, "attention heads", tp);
  if (attention.kind == AttentionKind::compressed && heads.empty())
    return counted_fault(attention.output_groups, "groups of the output", tp);
  if (!heads.empty() || attention.kind == AttentionKind::mla) return heads;
  if (!divides_kv_heads(attention.kv_heads, tp))
    return not_divisible(std::to_string(attention.kv_heads) + " KV heads", tp);
  return "";
}

std::string feed_forward_fault(const spec::FeedForward& block, int tp, bool expert_parallel) {
  if (block.kind == spec::FeedForwardKind::none) return "";
  if (block.kind == spec::FeedForwardKind::dense)
    return counted_fault(block.intermediate, "columns of the feed-forward block", tp);
  const std::string shared = counted_fault(block.shared_intermediate, "columns of the shared expert", tp);
  if (!shared.empty() || expert_parallel) return shared;
  return counted_fault(block.intermediate, "columns of each expert", tp);
}

std::string layer_fault(const spec::ModelSpec& model, const spec::Layer& layer, int tp, bool expert_parallel,
                        const std::string& version) {
  std::string fault = attention_fault(layer.attention, tp);
  if (fault.empty()) fault = feed_forward_fault(layer.feed_forward, tp, expert_parallel);
  return fault.empty() && tp > 1 ? scale_group_fault(model, layer, tp, expert_parallel, version) : fault;
}

/// Stages without a layer that has experts, of a model that has such layers.
std::vector<std::size_t> stages_without_experts(const spec::ModelSpec& model, const std::vector<int>& partition) {
  std::vector<std::size_t> out;
  if (!spec::has_experts(model)) return out;
  auto first = model.layers.begin();
  for (std::size_t s = 0; s < partition.size(); first += partition[s++])
    if (std::none_of(first, first + partition[s], [](const spec::Layer& l) { return spec::has_experts(l); }))
      out.push_back(s);
  return out;
}

/// "first", "first_and_tied_last", "every" or "last": where a file builds a tensor.
bool is_there(const std::string& where, const spec::ModelSpec& model, int stage, int stages) {
  const bool first = stage == 0, last = stage + 1 == stages;
  if (where == "every") return true;
  if (where == "last") return last;
  return first || (where == "first_and_tied_last" && last && model.tied_embedding);
}

/// Versions whose model file, or list of models, has no pipeline for it, or that don't serve it at all.
std::string refusal(const spec::ModelSpec& model, const std::string& version, int stages) {
  const auto rules = rules_of(model.architecture);
  const VllmVersion asked = vllm_version(version);
  const auto served = rules ? rules->find("served") : std::nullopt;
  if (served && asked < vllm_version(served->at("since").text()))
    return "vLLM " + version + " does not serve " + model.architecture + " yet; version " + served->at("since").text() +
           " and later do (--vllm)";
  const auto list = rules ? rules->find("refused") : std::nullopt;
  if (!list) return "";
  for (const Node& row : list->items()) {
    const auto before = row.find("before");
    const auto gone = row.find("gone");
    const std::string since = row.at("since").text();
    if ((!gone && stages == 1) || (row.find("tied") && !model.tied_embedding)) continue;
    if (asked < vllm_version(since) || (before && asked >= vllm_version(before->text()))) continue;
    if (gone)
      return "vLLM " + version + " does not serve " + model.architecture + ": " + row.at("reason").text() +
             "; versions before " + since + " do (--vllm)";
    return "vLLM " + version + " has no pipeline for " + model.architecture + ": " + row.at("reason").text() +
           "; tensor parallelism (--tp, --pp 1) " + (before ? "or vLLM " + before->text() + " and later can" : "can");
  }
  return "";
}

/// A layer that reads another one's keys and values finds them on its own rank alone.
std::string sharing_fault(const spec::ModelSpec& model, const std::vector<int>& partition) {
  std::size_t first = 0;
  for (std::size_t s = 0; s < partition.size(); ++s) {
    const std::size_t end = first + static_cast<std::size_t>(partition[s]);
    for (std::size_t l = first; l < end; ++l)
      if (const std::size_t source = spec::kv_layer(model, l); source < first)
        return "stage " + std::to_string(s) + " has layer " + std::to_string(l) +
               ", which reads the keys and values of layer " + std::to_string(source) + " on an earlier stage";
    first = end;
  }
  return "";
}

}  // namespace

Holdings holdings(const spec::ModelSpec& model, int stage, int stages, bool draft) {
  const bool last = stage + 1 == stages;
  Holdings out;
  out.embedding = is_there(word(model, "embedding", "first_and_tied_last"), model, stage, stages);
  out.head = is_there(word(model, "head", "last"), model, stage, stages);
  out.norm = is_there(word(model, "norm", "last"), model, stage, stages);
  out.shared = model.tied_embedding && out.head;
  out.embedding = out.embedding || out.shared;
  out.tower = model.tower.parameters > 0;
  out.draft = draft && last && !model.draft_layers.empty();
  out.draft_ends = out.draft && stages > 1;
  return out;
}

bool ends_on_every_stage(const spec::ModelSpec& model) {
  return word(model, "embedding", "first") == "every" && word(model, "head", "last") == "every";
}

std::string pipeline_fault(const spec::ModelSpec& model, int stages, const std::string& version) {
  if (stages < 1) return "a pipeline of " + std::to_string(stages) + " stages, at least 1 is needed";
  const auto layers = static_cast<int>(model.layers.size());
  if (stages > layers)
    return std::to_string(stages) + " stages of " + std::to_string(layers) + " layers, every stage needs at least 1";
  return version.empty() ? "" : refusal(model, version, stages);
}

std::string tensor_parallel_fault(const spec::ModelSpec& model, int tp, bool expert_parallel,
                                  const std::string& version) {
  if (tp < 1) return "tensor parallelism of " + std::to_string(tp) + ", at least 1 is needed";
  for (const spec::Layer& layer : model.layers) {
    const std::string fault = layer_fault(model, layer, tp, expert_parallel, version);
    if (!fault.empty()) return fault;
  }
  return "";
}

std::string partition_fault(const spec::ModelSpec& model, const std::vector<int>& partition) {
  const std::string fault = partition_fault(partition);
  if (!fault.empty()) return fault;
  if (partition.size() > 1 && partition.front() < least_first_stage(model))
    return "stage 0 has " + std::to_string(partition.front()) + " layers, " + model.architecture + " needs at least " +
           std::to_string(least_first_stage(model)) + " there: its vision tower feeds them";
  if (const std::string sharing = sharing_fault(model, partition); !sharing.empty()) return sharing;
  if (word(model, "stage_without_experts", "refused") != "refused") return "";
  const auto without = stages_without_experts(model, partition);
  if (without.empty()) return "";
  return "stage " + std::to_string(without.front()) +
         " has no layer with experts, which vLLM needs on every stage of " + model.architecture;
}

std::vector<std::string> partition_warnings(const spec::ModelSpec& model, const std::vector<int>& partition) {
  std::vector<std::string> out;
  if (!partition_fault(partition).empty() || word(model, "stage_without_experts", "refused") != "warned") return out;
  for (const std::size_t stage : stages_without_experts(model, partition))
    out.push_back("stage " + std::to_string(stage) + " has no layer with experts: vLLM warns and goes on");
  return out;
}

std::vector<bool> allowed_cuts(const spec::ModelSpec& model) {
  const auto shares = [](const spec::Layer& layer) { return layer.attention.shares_kv; };
  if (std::none_of(model.layers.begin(), model.layers.end(), shares)) return {};
  std::vector<bool> out(model.layers.size(), true);
  for (std::size_t l = 0; l < model.layers.size(); ++l)
    for (std::size_t cut = spec::kv_layer(model, l) + 1; cut <= l; ++cut) out[cut] = false;
  return out;
}

int least_first_stage(const spec::ModelSpec& model) { return std::max(1, model.tower.deepstack_layers); }

}  // namespace ppplan::engines
