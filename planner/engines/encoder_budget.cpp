#include "planner/engines/encoder_budget.h"

#include <algorithm>
#include <optional>

#include "planner/catalog/catalog.h"
#include "planner/engines/memory_rules.h"
#include "planner/engines/vllm_rules.h"
#include "planner/engines/vllm_version.h"

namespace ppplan::engines {
namespace {

using input::Node;

constexpr int most_items = 1 << 16;  // of a prompt

std::optional<Node> encoder_of(const std::string& architecture) {
  const auto entry = catalog::architecture(architecture);
  return entry ? entry->find("encoder") : std::nullopt;
}

bool states(const Node& data, const char* key) {
  const auto found = data.find(key);
  return found && found->boolean();
}

/// Frames come in pairs; one pair is always made.
std::int64_t video_tokens(std::int64_t image, std::int64_t frames, std::int64_t room) {
  const std::int64_t pairs = std::min((frames + 1) / 2, std::max<std::int64_t>(room, 0) / image);
  return std::max<std::int64_t>(pairs, 1) * image;
}

/// An item: places it takes in a request, and tokens that are made for it; none when prompts may not bring it.
struct Item {
  std::int64_t places = 0, made = 0;
};

bool may_come(const std::optional<int>& limit) { return limit.value_or(1) > 0; }

/// What of a family was otherwise before a release: the first row that the plan's version lies before.
std::optional<Node> older(const spec::Plan& plan, const Node& data) {
  const auto rows = data.find("older");
  if (!rows) return std::nullopt;
  const VllmVersion version = vllm_version(version_or_newest(plan.provenance.vllm));
  for (const Node& row : rows->items())
    if (version < vllm_version(row.at("before").text())) return row;
  return std::nullopt;
}

std::int64_t image_tokens(const spec::Plan& plan, const Node& data) {
  const auto once = older(plan, data);
  const std::int64_t most = (once ? *once : data).at("image_tokens").integer(1);
  const auto pixels = data.find("pixels_per_token");
  if (!pixels || !plan.engine.encoder.max_pixels) return most;
  return std::clamp<std::int64_t>(*plan.engine.encoder.max_pixels / pixels->integer(1), 1, most);
}

/// Of a kind that prompts may bring.
std::int64_t a_prompt(const std::optional<int>& limit) { return std::min(limit.value_or(1), most_items); }

Item video_item(const spec::Plan& plan, std::int64_t image, const MemoryRules& rules) {
  const auto most = static_cast<std::int64_t>(rules.value("encoder_video_frames"));
  const bool beside_images = rules.is("encoder_video_beside_image");
  const std::int64_t beside = beside_images ? a_prompt(plan.engine.encoder.images) * image : 0;
  const std::int64_t frames = std::max<std::int64_t>(1, most / a_prompt(plan.engine.encoder.videos));
  const std::int64_t places = video_tokens(image, frames, plan.max_model_len - beside);
  if (!rules.is("encoder_video_by_batch")) return {places, places};
  return {places, video_tokens(image, frames, plan.micro_batching.max_num_batched_tokens - beside)};
}

Item timed_item(const spec::Plan& plan, const Node& video, const MemoryRules& rules) {
  const bool whole = plan.max_model_len >= video.at("whole_from").integer(1);
  const std::int64_t tokens = video.at(whole ? "tokens" : "pair_tokens").integer(1);
  const double places = rules.value("encoder_places_per_timed_token") * static_cast<double>(tokens);
  return {static_cast<std::int64_t>(places), tokens};
}

/// The kinds of items that prompts may bring.
struct Items {
  Item image, video;
};

Items items_of(const spec::Plan& plan, const Node& data, const MemoryRules& rules) {
  const std::int64_t image = image_tokens(plan, data);
  Items out;
  if (may_come(plan.engine.encoder.images)) out.image = {image, image};
  if (!may_come(plan.engine.encoder.videos)) return out;
  const auto timed = data.find("timed_video");
  if (data.at("video").boolean()) out.video = video_item(plan, image, rules);
  if (timed) out.video = timed_item(plan, *timed, rules);
  if (const auto fixed = data.find("video_tokens")) out.video = {fixed->integer(1), data.at("video_made").integer(1)};
  return out;
}

Item largest_item(const Items& items) { return items.video.places >= items.image.places ? items.video : items.image; }

/// Far beyond any memory, and far enough below the largest number that what is made of it is one too.
std::int64_t product(std::int64_t a, std::int64_t b) {
  constexpr double most = 1e10;
  return static_cast<std::int64_t>(std::min(static_cast<double>(a) * static_cast<double>(b), most));
}

/// Tokens that the tower hands out and works on at once.
struct Work {
  std::int64_t out = 0, at_once = 0;
};

/// As many images and videos as a prompt may bring, in every sequence, however long its prompt may be.
Work work_of_v0(const spec::Plan& plan, const Items& items, bool every_sequence) {
  const std::int64_t images = a_prompt(plan.engine.encoder.images), videos = a_prompt(plan.engine.encoder.videos);
  const std::int64_t both = images * items.image.places + videos * items.video.places;
  const std::int64_t most = std::max<std::int64_t>(1, plan.micro_batching.max_num_batched_tokens / both);
  const std::int64_t all = plan.micro_batching.max_num_seqs;
  const std::int64_t sequences = every_sequence ? all : std::min(most, all);
  const std::int64_t seen = images * items.image.made, watched = videos * items.video.made;
  return {product(sequences, seen + watched), product(sequences, std::max(seen, watched))};
}

std::int64_t count_of(const spec::Plan& plan, const Items& items, std::int64_t budget, const MemoryRules& rules) {
  const Item item = largest_item(items);
  const std::int64_t whole = budget / item.places;
  const bool up = rules.is("encoder_items_rounded_up") && whole * item.places < budget;
  const spec::EncoderSettings& encoder = plan.engine.encoder;
  const auto unstated = static_cast<int>(rules.value("encoder_items_a_prompt"));
  const int limit = (item.places == items.video.places ? encoder.videos : encoder.images).value_or(unstated);
  const std::int64_t each = std::max<std::int64_t>(1, std::min(std::int64_t{limit}, plan.max_model_len / item.places));
  return std::min(whole + (up ? 1 : 0), product(plan.micro_batching.max_num_seqs, each));
}

/// Of a rank, which takes its share of the items where the tower's work is not divided by heads.
std::int64_t of_a_rank(const spec::Plan& plan, std::int64_t items) {
  return plan.engine.encoder.data_parallel ? (items + plan.parallel.tp - 1) / plan.parallel.tp : items;
}

/// Of the tower's width, that stand in memory at once: of one block, whose attention keeps most of them.
double vectors(const spec::Plan& plan, const Node& data, const MemoryRules& rules) {
  if (const auto stated = data.find("vectors")) return stated->number(0);
  constexpr double residual_and_normed = 2, qkv = 3;
  const double ranks = plan.engine.encoder.data_parallel ? 1 : plan.parallel.tp;
  const double own = rules.value("encoder_attention_vectors") / ranks;
  if (ranks == 1) return residual_and_normed + own;
  const double gathered = rules.value("encoder_gathered_vectors");
  return residual_and_normed + std::max(gathered + own, 2 * gathered + qkv / ranks);
}

/// Of the family's usual tower, or of its large one where the model's has as many parameters.
double tower_width(const spec::Plan& plan, const Node& data) {
  const auto large = data.find("large");
  const bool is_large = large && plan.model.tower.parameters >= large->at("parameters").integer(1);
  return (is_large ? *large : data).at("width").number(1);
}

double patch_bytes(const spec::Plan& plan, const Node& data, const MemoryRules& rules) {
  const double width = tower_width(plan, data), element = spec::bytes_per_element(plan.model.activation_dtype);
  const auto pixels = data.find("patch_elements"), once = older(plan, data);
  const auto scores = once ? once->find("score_bytes") : std::nullopt;
  return vectors(plan, data, rules) * width * element + (scores ? scores->number(0) : 0) +
         (pixels ? pixels->number(1) * rules.value("encoder_input_bytes") : 0);
}

}  // namespace

bool leaves_tower_out(const spec::Plan& plan) {
  const spec::EncoderSettings& encoder = plan.engine.encoder;
  return !may_come(encoder.images) && !may_come(encoder.videos) && memory_rules(plan).is("encoder_tower_left_out");
}

EncoderLoad encoder_load(const spec::Plan& plan) {
  const auto data = encoder_of(plan.model.architecture);
  if (!data) return {};
  const MemoryRules& rules = memory_rules(plan);
  const Items items = items_of(plan, *data, rules);
  const Item item = largest_item(items);
  if (item.places == 0) return {};
  EncoderLoad out;
  out.budget_tokens = std::max<std::int64_t>(plan.micro_batching.max_num_batched_tokens, item.places);
  const std::int64_t count = count_of(plan, items, out.budget_tokens, rules);
  Work work{count * item.made, of_a_rank(plan, count) * item.made};
  if (rules.is("encoder_both_kinds")) work = work_of_v0(plan, items, states(*data, "every_sequence"));
  out.tokens = work.out;
  const std::int64_t rows = rules.is("encoder_cache_whole_budget") ? out.budget_tokens : item.places;
  if (rules.is("encoder_cache_by_places") && item.made < rows) out.cached_tokens = count * rows;
  out.patches = work.at_once * data->at("patches_per_token").integer(1);
  out.bytes_per_patch = patch_bytes(plan, *data, rules);
  return out;
}

}  // namespace ppplan::engines
