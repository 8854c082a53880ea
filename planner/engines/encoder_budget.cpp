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

/// The largest item: places it takes in a request, and tokens that are made for it.
struct Item {
  std::int64_t places = 0, made = 0;
};

Item video_item(const spec::Plan& plan, std::int64_t image, const MemoryRules& rules) {
  const auto frames = static_cast<std::int64_t>(rules.value("encoder_video_frames"));
  const std::int64_t beside = rules.is("encoder_video_beside_image") ? image : 0;
  const std::int64_t places = video_tokens(image, frames, plan.max_model_len - beside);
  if (!rules.is("encoder_video_by_batch")) return {places, places};
  return {places, video_tokens(image, frames, plan.micro_batching.max_num_batched_tokens)};
}

Item timed_item(const spec::Plan& plan, const Node& video, const MemoryRules& rules) {
  const bool whole = plan.max_model_len >= video.at("whole_from").integer(1);
  const std::int64_t tokens = video.at(whole ? "tokens" : "pair_tokens").integer(1);
  const double places = rules.value("encoder_places_per_timed_token") * static_cast<double>(tokens);
  return {static_cast<std::int64_t>(places), tokens};
}

Item largest_item(const spec::Plan& plan, const Node& data, const MemoryRules& rules) {
  const std::int64_t image = data.at("image_tokens").integer(1);
  if (data.at("video").boolean()) return video_item(plan, image, rules);
  const auto timed = data.find("timed_video");
  const Item video = timed ? timed_item(plan, *timed, rules) : Item{};
  return video.places > image ? video : Item{image, image};
}

}  // namespace

EncoderLoad encoder_load(const spec::Plan& plan) {
  const auto data = encoder_of(plan.model.architecture);
  if (!data) return {};
  const MemoryRules& rules = memory_rules(plan);
  const std::int64_t batch = plan.micro_batching.max_num_batched_tokens;
  const Item item = largest_item(plan, *data, rules);
  EncoderLoad out;
  out.budget_tokens = std::max(batch, item.places);
  const std::int64_t whole = out.budget_tokens / item.places;
  const bool up = rules.is("encoder_items_rounded_up") && whole * item.places < out.budget_tokens;
  const std::int64_t items = std::min<std::int64_t>(whole + (up ? 1 : 0), plan.micro_batching.max_num_seqs);
  out.tokens = items * item.made;
  const std::int64_t rows = rules.is("encoder_cache_whole_budget") ? out.budget_tokens : item.places;
  if (rules.is("encoder_cache_by_places") && item.made < rows) out.cached_tokens = items * rows;
  out.patches = out.tokens * data->at("patches_per_token").integer(1);
  out.bytes_per_patch = data->at("vectors").number(0) * data->at("width").number(1) *
                        spec::bytes_per_element(plan.model.activation_dtype);
  return out;
}

}  // namespace ppplan::engines
