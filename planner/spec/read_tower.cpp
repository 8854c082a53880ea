// Parameters of the vision towers, from the public model files of the transformers library. h = hidden size, i =
// intermediate size, p = patch size, m = patches that one token of the model joins (spatial_merge_size squared):
//   encoder layer  4 h^2 + 2 h i (3 h i gated) + norms, with biases 4 h + i + h (2 i + h gated)
//   qwen3          patches 3 t p^2 h + h, positions, merger (m h)^2 + m h H and biases, the same per deepstack layer
//   qwen2          patches without bias or positions, gated with biases, merger
//   qwen2_vl       as qwen2, but not gated; its hidden_size is the model's, embed_dim and mlp_ratio are the tower's
//   siglip         patches, positions, norm, projection h H
//   llama4         patches, class and positions, norms, adapter i a + a b, projection o H
//   pixtral        patches, gated without biases, merging m h h, projections h H + H^2; without merging as part of
//   Llava clip           patches without bias, class, positions, two norms, all layers but the last; projections h H +
//   H^2;
//                  with "tiles" a vector between tiles of an image
//   llava_siglip   patches, positions, all layers but the last, projections as clip's
//   internvit      patches, class and positions, layers with two scales; norm, projections m h H + H^2
//   mllama         patches without bias, class and positions of a tile and of all its tiles, layers of the tile and of
//                  all tiles, projection of as many outputs as are kept
//   swiglu_siglip  patches, positions, norm; joined m h to a, half of which gates the other, a / 2 to H (Cohere)
//   resampler      as siglip without its projection; 64 queries, a projection of keys h H, attention 4 H^2, output H^2
//   glm4v          patches, positions, gated without biases and as wide as the model, joining 2 by 2 patches to one of
//                  H, merger H^2 + 3 H i
//   parameters     a number instead of all this, of families whose towers have no formula here
//   sounds         beside any of them, an encoder as Whisper's behind three strided convolutions
//   gemma4         patches, two tables of positions, gated without biases, projection h H; with audio a Conformer:
//                  layer 24 h^2 + c h + norms (two blocks of 4 h, attention with relative positions, a gated
//                  convolution), two strided convolutions of 3 by 3 and the projections behind them
#include <algorithm>
#include <cstdint>

#include "planner/spec/config_parts.h"
#include "planner/spec/model_limits.h"

namespace ppplan::spec {
namespace {

using input::Node;

constexpr int most_side = 1 << 16;

struct Sizes {
  std::int64_t h = 0, i = 0, layers = 0, pixels = 0;  // pixels: inputs of one patch, channels and frames included
};

std::int64_t square(std::int64_t value) { return value * value; }

std::int64_t count(const ConfigFields& vision, const char* key, int most = most_width) {
  return vision.count(key, 0, most);
}

Sizes sizes_of(const ConfigFields& vision) {
  const auto depth = vision.find("depth");
  Sizes out;
  out.h = vision.count("hidden_size", 1, most_width);
  out.i = vision.count("intermediate_size", 1, most_width);
  out.layers = depth ? depth->integer(1, most_layers) : vision.count("num_hidden_layers", 1, most_layers);
  out.pixels = 3 * square(vision.count("patch_size", 1, most_side)) *
               vision.count_or("temporal_patch_size", 1, 1, most_head_dim);
  return out;
}

double encoder(const Sizes& s, bool biases, bool gated, int norms) {
  const double h = static_cast<double>(s.h), i = static_cast<double>(s.i);
  const double matrices = 4 * h * h + (gated ? 3 : 2) * h * i;
  const double vectors = norms * h + (biases ? 4 * h + (gated ? 2 : 1) * i + h : 0);
  return static_cast<double>(s.layers) * (matrices + vectors);
}

double merger(const ConfigFields& vision, const Sizes& s, int hidden, double norms) {
  const double wide = static_cast<double>(square(count(vision, "spatial_merge_size", most_side)) * s.h);
  return wide * wide + wide + wide * hidden + hidden + norms;
}

double qwen3(const ConfigFields& vision, const Sizes& s, int hidden, int deepstack) {
  const double h = static_cast<double>(s.h);
  const double merge = static_cast<double>(square(count(vision, "spatial_merge_size", most_side)));
  return h * static_cast<double>(s.pixels) + h + static_cast<double>(count(vision, "num_position_embeddings")) * h +
         encoder(s, true, false, 4) + merger(vision, s, hidden, 2 * h) +
         deepstack * merger(vision, s, hidden, 2 * merge * h);
}

double qwen2(const ConfigFields& vision, const Sizes& s, int hidden) {
  return static_cast<double>(s.h) * static_cast<double>(s.pixels) + encoder(s, true, true, 2) +
         merger(vision, s, hidden, static_cast<double>(s.h));
}

/// Its own hidden size stands under another name.
Sizes embedded(const ConfigFields& vision, Sizes s) {
  s.h = vision.count("embed_dim", 1, most_width);
  s.i = static_cast<std::int64_t>(vision.at("mlp_ratio").number(0, most_side) * static_cast<double>(s.h));
  return s;
}

double qwen2_vl(const ConfigFields& vision, const Sizes& s, int hidden) {
  return static_cast<double>(s.h) * static_cast<double>(s.pixels) + encoder(s, true, false, 4) +
         merger(vision, s, hidden, 2 * static_cast<double>(s.h));
}

double positions(const ConfigFields& vision) {
  const auto side = vision.count("image_size", 1, most_side) / vision.count("patch_size", 1, most_side);
  return static_cast<double>(square(side));
}

double siglip(const ConfigFields& vision, const Sizes& s, int hidden) {
  const double h = static_cast<double>(s.h);
  return h * static_cast<double>(s.pixels) + h + positions(vision) * h + encoder(s, true, false, 4) + 2 * h + h +
         h * hidden;
}

double llama4(const ConfigFields& vision, const Sizes& s, int hidden) {
  const double h = static_cast<double>(s.h);
  const auto in = static_cast<double>(count(vision, "projector_input_dim"));
  const auto out = static_cast<double>(count(vision, "projector_output_dim"));
  return h * static_cast<double>(s.pixels) + h + (positions(vision) + 1) * h + encoder(s, true, false, 4) + 4 * h +
         static_cast<double>(s.i) * in + in * out + static_cast<double>(count(vision, "vision_output_dim")) * hidden;
}

double pixtral(const Node& config, const Sizes& s, int hidden) {
  const double h = static_cast<double>(s.h), text = hidden;
  const ConfigFields outer(config, std::nullopt);
  const double merge = static_cast<double>(square(outer.count_or("spatial_merge_size", 2, 1, most_side)));
  return h * static_cast<double>(s.pixels) + h + encoder(s, false, true, 2) + h + merge * h * h + h * text +
         text * text;
}

/// Two projections with biases behind the tower.
double projections(double from, int hidden) {
  const double text = hidden;
  return from * text + text + text * text + text;
}

/// Engines leave out the layers behind the one that the model takes; the one before the last where nothing is said.
Sizes without_unused(const Node& config, Sizes s) {
  const auto stated = config.find("vision_feature_layer");
  const std::int64_t taken = stated && stated->is_number() ? stated->integer(-most_layers, most_layers) : -2;
  const std::int64_t kept = taken < 0 ? s.layers + 1 + taken : taken;
  s.layers = std::clamp<std::int64_t>(kept, 1, s.layers);
  return s;
}

double clip(const ConfigFields& vision, const Sizes& s, int hidden) {
  const double h = static_cast<double>(s.h);
  return h * static_cast<double>(s.pixels) + h + (positions(vision) + 1) * h + 2 * h + encoder(s, true, false, 4) +
         projections(h, hidden) + static_cast<double>(vision.count_or("separators", 0, 0, most_side)) * hidden;
}

/// Cohere joins patches, gates half of the projection's width with the other and projects that.
double swiglu_siglip(const Node& config, const ConfigFields& vision, const Sizes& s, int hidden) {
  const double h = static_cast<double>(s.h);
  const ConfigFields outer(config, std::nullopt);
  const double wide = outer.count_or("alignment_intermediate_size", 36864, 1, most_width);
  const double joined = static_cast<double>(square(outer.count_or("downsample_factor", 2, 1, most_side))) * h;
  return h * static_cast<double>(s.pixels) + h + positions(vision) * h + encoder(s, true, false, 4) + 2 * h +
         joined * wide + wide + wide / 2 * hidden + hidden;
}

double resampler(const ConfigFields& vision, const Sizes& s, int hidden) {
  const double h = static_cast<double>(s.h), text = hidden;
  constexpr double queries = 64, vectors = 12;
  return h * static_cast<double>(s.pixels) + h + positions(vision) * h + encoder(s, true, false, 4) + 2 * h + h * text +
         5 * text * text + (queries + vectors) * text;
}

double glm4v(const ConfigFields& vision, Sizes s, int hidden) {
  const double h = static_cast<double>(s.h), text = hidden, merger = static_cast<double>(s.i);
  const double joined = static_cast<double>(square(count(vision, "spatial_merge_size", most_side)));
  s.i = hidden;
  return h * static_cast<double>(s.pixels) + h + positions(vision) * h + encoder(s, false, true, 2) + 2 * h +
         joined * h * text + text + text * text + 2 * text + 3 * text * merger;
}

double llava_siglip(const ConfigFields& vision, const Sizes& s, int hidden) {
  const double h = static_cast<double>(s.h);
  return h * static_cast<double>(s.pixels) + h + positions(vision) * h + encoder(s, true, false, 4) +
         projections(h, hidden) + static_cast<double>(vision.count_or("separators", 0, 0, most_side)) * hidden;
}

double plain_pixtral(const Sizes& s, int hidden) {
  const double h = static_cast<double>(s.h);
  return h * static_cast<double>(s.pixels) + h + encoder(s, false, true, 2) + projections(h, hidden);
}

/// Phi-3-vision joins 2 by 2 patches before its projections.
double phi3v(const ConfigFields& vision, const Sizes& s, int hidden) {
  const double h = static_cast<double>(s.h);
  return h * static_cast<double>(s.pixels) + h + (positions(vision) + 1) * h + 2 * h + encoder(s, true, false, 4) +
         projections(4 * h, hidden) + 5 * h;
}

double internvit(const ConfigFields& vision, const Sizes& s, int hidden) {
  const double h = static_cast<double>(s.h), joined = 4 * h;
  const bool normed = vision.flag("qk_normalization"), biased = vision.flag("qkv_bias");
  const double layers = static_cast<double>(s.layers);
  const double norms = vision.find("norm_type") && vision.at("norm_type").text() == "rms_norm" ? 2 : 4;
  return h * static_cast<double>(s.pixels) + h + h + (positions(vision) + 1) * h +
         encoder(s, true, false, static_cast<int>(norms) + 2) + layers * h * ((normed ? 2 : 0) - (biased ? 0 : 3)) +
         2 * joined + projections(joined, hidden);
}

double mllama(const ConfigFields& vision, const Sizes& s, int hidden) {
  const double h = static_cast<double>(s.h), rows = positions(vision) + 1;
  Sizes all = s;
  all.layers += vision.count("num_global_layers", 0, most_layers);
  const auto tiles = static_cast<double>(count(vision, "max_num_tiles", most_side));
  const double shapes = vision.count_or("aspect_ratios", 9, 1, most_side);
  return h * static_cast<double>(s.pixels) + h + rows * h + shapes * tiles * (rows + 2) * h + 4 * h +
         encoder(all, false, false, 4) + static_cast<double>(all.layers * (s.i + s.h)) +
         static_cast<double>(count(vision, "vision_output_dim")) * hidden + hidden;
}

/// The encoder of sounds: layers as of Whisper behind three strided convolutions and two projections (Qwen3-Omni) or,
/// where no channels are stated, behind Whisper's two convolutions and one projection (Qwen2.5-Omni).
double sounds(const Node& config, int hidden) {
  const ConfigFields audio(config, std::nullopt);
  Sizes s;
  s.h = audio.count("d_model", 1, most_width);
  s.i = audio.count("encoder_ffn_dim", 1, most_width);
  s.layers = audio.count("encoder_layers", 1, most_layers);
  const double h = static_cast<double>(s.h);
  constexpr double taps = 3, mel_bins = 128;
  if (!audio.find("downsample_hidden_size"))
    return encoder(s, true, false, 4) + taps * h * (mel_bins + h) + 2 * h + h * hidden;
  const auto channels = static_cast<double>(count(audio, "downsample_hidden_size"));
  constexpr double kernel = 9, strided_bins = 16;
  return encoder(s, true, false, 4) + kernel * channels * (1 + 2 * channels) + channels * strided_bins * h + h * h +
         h * hidden;
}

double gemma4_audio(const Node& config, int hidden) {
  const ConfigFields audio(config, std::nullopt);
  const double h = static_cast<double>(audio.count("hidden_size", 1, most_width));
  const double layers = audio.count("num_hidden_layers", 1, most_layers);
  const double taps = audio.count_or("conv_kernel_size", 5, 1, most_side);
  const auto channels = audio.at("subsampling_conv_channels").items();
  if (channels.size() != 2) audio.at("subsampling_conv_channels").fail("two numbers of channels");
  const auto first = static_cast<double>(channels[0].integer(1, most_side));
  const auto second = static_cast<double>(channels[1].integer(1, most_side));
  constexpr double mel_bins = 128, kernel = 9, strides = 4;
  const double out = audio.count("output_proj_dims", 1, most_width);
  return layers * (24 * h * h + taps * h + 11 * h) + kernel * (first + first * second) +
         second * mel_bins / strides * h + h * out + out * hidden;
}

double gemma4(const Node& config, const ConfigFields& vision, const Sizes& s, int hidden) {
  const double h = static_cast<double>(s.h);
  const auto audio = config.find("audio_config");
  return h * static_cast<double>(s.pixels) + 2 * static_cast<double>(count(vision, "position_embedding_size")) * h +
         encoder(s, false, true, 4) + h * hidden + (audio ? gemma4_audio(*audio, hidden) : 0);
}

double parameters_of(const std::string& kind, const Node& config, const ConfigFields& vision, int hidden,
                     int deepstack) {
  const Sizes sizes = sizes_of(vision);
  if (kind == "qwen3") return qwen3(vision, sizes, hidden, deepstack);
  if (kind == "qwen2_vl") return qwen2_vl(vision, embedded(vision, sizes), hidden);
  if (kind == "qwen2") return qwen2(vision, sizes, hidden);
  if (kind == "siglip") return siglip(vision, sizes, hidden);
  if (kind == "llama4") return llama4(vision, sizes, hidden);
  if (kind == "gemma4") return gemma4(config, vision, sizes, hidden);
  if (kind == "clip") return clip(vision, without_unused(config, sizes), hidden);
  if (kind == "swiglu_siglip") return swiglu_siglip(config, vision, sizes, hidden);
  if (kind == "resampler") return resampler(vision, sizes, hidden);
  if (kind == "glm4v") return glm4v(vision, sizes, hidden);
  if (kind == "llava_siglip") return llava_siglip(vision, without_unused(config, sizes), hidden);
  if (kind == "plain_pixtral") return plain_pixtral(sizes, hidden);
  if (kind == "phi3v") return phi3v(vision, without_unused(config, sizes), hidden);
  if (kind == "internvit") return internvit(vision, sizes, hidden);
  if (kind == "mllama") return mllama(vision, sizes, hidden);
  return pixtral(config, sizes, hidden);
}

/// Configs of Llava name the tower that they took: "clip_vision_model", "siglip_vision_model", "pixtral".
std::string kind_of(const Node& rules, const Node& vision) {
  const auto kinds = rules.find("kinds");
  const auto stated = kinds ? vision.find("model_type") : std::nullopt;
  const auto found = stated ? kinds->find(stated->text()) : std::nullopt;
  return found ? found->text() : rules.at("kind").text();
}

}  // namespace

Tower read_tower(const Node& config, const Family& family, int hidden) {
  Tower out;
  const auto rules = family.find("tower");
  if (!rules) return out;
  if (const auto size = rules->find("parameters")) {
    out.parameters = size->integer(1, most_stated_bytes);
    out.assumed = true;
    return out;
  }
  const auto inner = config.find(family.word("outer", ""));
  const auto stated = (inner ? *inner : config).find("vision_config");
  const ConfigFields vision(stated ? *stated : rules->at("typical"), rules->at("typical"), rules->find("names"));
  out.whole = rules->find("whole") && rules->at("whole").boolean();
  out.assumed = !stated || !stated->find("hidden_size");
  if (const auto features = vision.find("deepstack_visual_indexes"))
    out.deepstack_layers = static_cast<int>(std::min<std::size_t>(features->items().size(), most_layers));
  const auto audio = (inner ? *inner : config).find("audio_config");
  const bool hears = audio && rules->find("sounds") && rules->at("sounds").boolean();
  const double total = parameters_of(kind_of(*rules, vision.file()), config, vision, hidden, out.deepstack_layers) +
                       (hears ? sounds(*audio, hidden) : 0);
  if (total > static_cast<double>(most_stated_bytes))
    vision.file().fail("a tower of at most 2^50 parameters", std::to_string(total) + " of them");
  out.parameters = static_cast<std::int64_t>(total);
  return out;
}

}  // namespace ppplan::spec
