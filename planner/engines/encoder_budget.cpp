#include "planner/engines/encoder_budget.h"

#include <algorithm>
#include <optional>

#include "planner/catalog/catalog.h"
#include "planner/engines/memory_rules.h"

namespace ppplan::engines {
namespace {

using input::Node;

std::optional<Node> encoder_of(const std::string& architecture) {
  const auto entry = catalog::architecture(architecture);
  return entry ? entry->find("encoder") : std::nullopt;
}

/// Frames come in pairs; one pair is always made.
std::int64_t video_tokens(std::int64_t image, std::int64_t frames, std::int64_t room) {
  const std::int64_t pairs = std::min((frames + 1) / 2, std::max<std::int64_t>(room, 0) / image);
  return std::max<std::int64_t>(pairs, 1) * image;
}

}  // namespace

EncoderLoad encoder_load(const spec::Plan& plan) {
  const auto data = encoder_of(plan.model.architecture);
  if (!data) return {};
  const MemoryRules& rules = memory_rules(plan.provenance.vllm);
  const std::int64_t image = data->at("image_tokens").integer(1);
  const std::int64_t batch = plan.micro_batching.max_num_batched_tokens;
  std::int64_t item = image, made = image;
  if (data->at("video").boolean()) {
    const auto frames = static_cast<std::int64_t>(rules.value("encoder_video_frames"));
    item = video_tokens(image, frames, plan.max_model_len - (rules.is("encoder_video_beside_image") ? image : 0));
    made = rules.is("encoder_video_by_batch") ? video_tokens(image, frames, batch) : item;
  }
  EncoderLoad out;
  out.budget_tokens = std::max(batch, item);
  const std::int64_t whole = out.budget_tokens / item;
  const bool up = rules.is("encoder_items_rounded_up") && whole * item < out.budget_tokens;
  out.tokens = std::min<std::int64_t>(whole + (up ? 1 : 0), plan.micro_batching.max_num_seqs) * made;
  out.patches = out.tokens * data->at("patches_per_token").integer(1);
  out.bytes_per_patch = data->at("vectors").number(0) * data->at("width").number(1) *
                        spec::bytes_per_element(plan.model.activation_dtype);
  return out;
}

}  // namespace ppplan::engines
