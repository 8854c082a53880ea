// Parameters of the vision towers, from the public model files of the transformers library. h = hidden size, i =
// intermediate size, p = patch size, m = patches that one token of the model joins (spatial_merge_size squared):
//   encoder layer  4 h^2 + 2 h i (3 h i gated) + norms, with biases 4 h + i + h (2 i + h gated)
//   qwen3          patches 3 t p^2 h + h, positions, merger (m h)^2 + m h H and biases, the same per deepstack layer
//   qwen2          patches without bias or positions, gated with biases, merger
//   siglip         patches, positions, norm, projection h H
//   llama4         patches, class and positions, norms, adapter i a + a b, projection o H
//   pixtral        patches, gated without biases, merging m h h, projections h H + H^2
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
  if (kind == "qwen2") return qwen2(vision, sizes, hidden);
  if (kind == "siglip") return siglip(vision, sizes, hidden);
  if (kind == "llama4") return llama4(vision, sizes, hidden);
  if (kind == "gemma4") return gemma4(config, vision, sizes, hidden);
  return pixtral(config, sizes, hidden);
}

}  // namespace

Tower read_tower(const Node& config, const Family& family, int hidden) {
  Tower out;
  const auto rules = family.rules.find("tower");
  if (!rules) return out;
  const auto stated = config.find("vision_config");
  const ConfigFields vision(stated ? *stated : rules->at("typical"), rules->at("typical"));
  out.whole = rules->find("whole") && rules->at("whole").boolean();
  out.assumed = !stated || !stated->find("hidden_size");
  if (const auto features = vision.find("deepstack_visual_indexes"))
    out.deepstack_layers = static_cast<int>(std::min<std::size_t>(features->items().size(), most_layers));
  const double total = parameters_of(rules->at("kind").text(), config, vision, hidden, out.deepstack_layers);
  if (total > static_cast<double>(most_stated_bytes))
    vision.file().fail("a tower of at most 2^50 parameters", std::to_string(total) + " of them");
  out.parameters = static_cast<std::int64_t>(total);
  return out;
}

}  // namespace ppplan::spec
