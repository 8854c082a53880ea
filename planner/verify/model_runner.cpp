#include "planner/verify/model_runner.h"

#include <algorithm>
#include <set>

#include "planner/catalog/catalog.h"
#include "planner/verify/memory_constants.h"

namespace ppplan::verify {
namespace {

using input::Node;

bool has_experts(const Node& model) {
  return std::ranges::any_of(model.at("layers").items(), [](const Node& run) {
    const auto block = run.find("feed_forward");
    return block && block->find("kind") && block->at("kind").text() == "moe";
  });
}

/// Dense models with recurrent layers stay with the older runner.
bool is_hybrid(const Node& model) {
  return std::ranges::any_of(model.at("layers").items(), [](const Node& run) {
    const auto block = run.find("attention");
    return block && block->find("kind") && block->at("kind").text() == "linear";
  });
}

bool is_quantized(const Node& model) {
  static const std::set<std::string> whole = {"bf16", "fp16", "fp32"};
  return model.find("dtype") && !whole.contains(model.at("dtype").text());
}

/// The version leaves models with states to engine V0.
bool leaves_states(const std::string& version) {
  const Node table = catalog::vllm().root();
  const auto wanted = version_numbers(version.empty() ? table.at("known_until").text() : version);
  bool out = false;
  for (const Node& row : table.at("versions").items()) {
    if (version_numbers(row.at("since").text()) > wanted) break;
    if (const auto states = row.find("v0_states")) out = states->boolean();
  }
  return out;
}

}  // namespace

bool runs_on_v2(const Node& model, const std::string& version) {
  const Node table = catalog::vllm().root();
  const auto asked = version_numbers(version.empty() ? table.at("known_until").text() : version);
  std::set<std::string> served;
  bool quantized = false;
  for (const Node& row : table.at("versions").items()) {
    if (version_numbers(row.at("since").text()) > asked) break;
    if (row.find("v2_runner")) {
      served.clear();
      for (const Node& name : row.at("v2_runner").items()) served.insert(name.text());
    }
    if (const auto both = row.find("v2_runner_quantized")) quantized = both->boolean();
  }
  if (is_quantized(model) && !quantized) return false;
  const auto name = model.find("architecture");
  return served.contains("all") || (name && served.contains(name->text())) ||
         (served.contains("dense") && !has_experts(model) && !is_hybrid(model));
}

bool runs_on_v0(const std::string& version, const EngineFacts& asked) {
  const Node table = catalog::vllm().root();
  const auto wanted = version_numbers(version.empty() ? table.at("known_until").text() : version);
  std::string one = "V0", several = "V0";
  std::int64_t below = 0;
  bool there = true;
  std::set<std::int64_t> keeps_fp8;
  for (const Node& row : table.at("versions").items()) {
    if (version_numbers(row.at("since").text()) > wanted) break;
    if (const auto own = row.find("engine")) one = own->text();
    if (const auto own = row.find("pipeline_engine")) several = own->text();
    if (const auto cards = row.find("v0_below_compute_capability")) below = cards->count(0);
    if (const auto has = row.find("has_v0")) there = has->boolean();
    if (const auto majors = row.find("v1_fp8_kv_cards")) {
      keeps_fp8.clear();
      for (const Node& major : majors->items()) keeps_fp8.insert(major.integer(1));
    }
  }
  const bool narrow = asked.fp8_kv && asked.capability > 0 && !keeps_fp8.contains(asked.capability / 10);
  if (there && (asked.v0 || narrow)) return true;
  if (asked.capability > 0 && asked.capability < below) return true;
  return (asked.stages > 1 && !asked.v1 ? several : one) == "V0";
}

bool is_left_to_v0(const Node& model, const std::string& version, const std::string& asked) {
  if (asked.empty() && is_hybrid(model) && leaves_states(version)) return true;
  const auto name = model.find("architecture");
  const auto entry = name ? catalog::architecture(name->text()) : std::nullopt;
  const auto engine = entry ? entry->at("pipeline").find("engine") : std::nullopt;
  return engine && engine->text() == "V0";
}

}  // namespace ppplan::verify
