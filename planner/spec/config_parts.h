// The parts of a config.json that its readers share: layers' attention, feed-forward blocks and the vision tower.
#pragma once

#include <vector>

#include "planner/spec/config_fields.h"
#include "planner/spec/model_spec.h"

namespace ppplan::spec {

/// Attention of each layer: heads or latent attention, with windows, chunks and linear layers where the config puts
/// them (layer_types, else the family's pattern).
std::vector<Attention> read_attention(const ConfigFields& config, const Family& family, int layers, int hidden);
/// Feed-forward block of each layer: dense, or experts where the family's pattern puts them.
std::vector<FeedForward> read_feed_forward(const ConfigFields& config, const Family& family, int layers);
/// The tower by the dimensions of vision_config; a typical one of the family, marked assumed, where those are absent.
/// `config` is the outer one; parameters 0 for families without a tower.
Tower read_tower(const input::Node& config, const Family& family, int hidden);

}  // namespace ppplan::spec
