// The parts of a config.json that its readers share: layers' attention, feed-forward blocks and the vision tower.
#pragma once

#include <string>
#include <vector>

#include "planner/spec/config_fields.h"
#include "planner/spec/model_spec.h"

namespace ppplan::spec {

/// One word for each layer, of families whose layers are a mixer or a feed-forward block, not both (Nemotron-H): mamba,
/// attention, mlp or moe, from the words of the family's "block_words" or the letters M * - E of its "block_letters".
/// Empty for others.
std::vector<std::string> block_types(const ConfigFields& config, const Family& family);
/// What the config states, or as many as it names kinds of.
int layer_count(const ConfigFields& config, const Family& family);
/// Attention of each layer: heads or latent attention, with windows, chunks and linear layers where the config puts
/// them (layer_types, else the family's pattern).
std::vector<Attention> read_attention(const ConfigFields& config, const Family& family, int layers, int hidden);
/// The same of blocks that each state their own (Nemotron-NAS); `heads`: what all share.
std::vector<Attention> attention_of_blocks(const input::Node& list, const Attention& heads, int layers);
std::vector<FeedForward> feed_forward_of_blocks(const input::Node& list, int hidden, int layers);
/// Feed-forward block of each layer: dense, or experts where the family's pattern puts them.
std::vector<FeedForward> read_feed_forward(const ConfigFields& config, const Family& family, int layers);
/// The tower by the dimensions of vision_config; a typical one of the family, marked assumed, where those are absent.
/// `config` is the outer one; parameters 0 for families without a tower.
Tower read_tower(const input::Node& config, const Family& family, int hidden);

}  // namespace ppplan::spec
