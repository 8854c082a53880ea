// The dimensions that tell one kind of layer from another where whole layers are measured: a profile of our executor
// states them, and a question to it names them.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "planner/spec/model_spec.h"

namespace ppplan::spec {

/// By name, as ModelSpec names them. Those of latent attention and of shared experts are left out where they are 0, so
/// that layers without them are named as profiles named them before.
std::map<std::string, std::int64_t> layer_dimensions(const ModelSpec& model, const Layer& layer);

}  // namespace ppplan::spec
