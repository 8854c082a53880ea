#include "exec/profile_point.h"

#include <algorithm>

#include "planner/input/input_error.h"
#include "planner/spec/layer_dimensions.h"

namespace ppplan::exec {

namespace {

// first, first * factor, ... and `last` itself.
std::vector<int> grid(int first, int factor, int last) {
  std::vector<int> sizes;
  for (int size = first; size < last; size *= factor) sizes.push_back(size);
  sizes.push_back(last);
  return sizes;
}

}  // namespace

std::vector<spec::Layer> distinct_layers(const spec::ModelSpec& model) {
  std::vector<spec::Layer> distinct;
  for (const spec::Layer& layer : model.layers) {
    const auto same = [&](const spec::Layer& other) {
      return spec::layer_dimensions(model, other) == spec::layer_dimensions(model, layer);
    };
    if (std::none_of(distinct.begin(), distinct.end(), same)) distinct.push_back(layer);
  }
  return distinct;
}

std::vector<ProfilePoint> profile_points(int layer_shapes, const ProfileSizes& sizes) {
  std::vector<ProfilePoint> points;
  std::vector<int> pasts = grid(64, 4, sizes.max_kv);
  pasts.insert(pasts.begin(), 0);
  for (int shape = 0; shape < layer_shapes; ++shape) {
    for (const int past : pasts) {
      for (const int tokens : grid(16, 2, sizes.max_tokens)) {
        points.push_back({PointKind::layer, shape, {1, tokens, past, false}});
      }
    }
    for (const int past : grid(16, 4, sizes.max_kv)) {
      for (const int batch : grid(1, 2, sizes.max_batch)) {
        points.push_back({PointKind::layer, shape, {batch, 1, past, false}});
      }
    }
  }
  for (const int rows : grid(1, 2, std::max(sizes.max_tokens, sizes.max_batch))) {
    points.push_back({PointKind::embedding, 0, {rows, 1, 0, false}});
  }
  for (const int rows : grid(1, 2, sizes.max_batch)) points.push_back({PointKind::head, 0, {rows, 1, 0, true}});
  return points;
}

void check_sizes(const spec::ModelSpec& model, const ProfileSizes& sizes) {
  if (model.layers.empty()) throw input::InputError(model.name, "/layers", "at least one", "none");
  const auto at_least = [](const std::string& what, int low, int found) {
    if (found < low) {
      throw input::InputError("profile", what, "at least " + std::to_string(low), std::to_string(found));
    }
  };
  at_least("max_tokens", 16, sizes.max_tokens);
  at_least("max_batch", 1, sizes.max_batch);
  at_least("max_kv", 16, sizes.max_kv);
}

traces::Operation operation_of(const spec::ModelSpec& model, const ProfilePoint& point, const std::string& dtype) {
  traces::Operation operation;
  operation.dtype = dtype;
  if (point.kind == PointKind::layer) {
    operation.op = "layer";
    operation.shape = spec::layer_dimensions(model, distinct_layers(model).at(static_cast<std::size_t>(point.shape)));
    operation.tokens = point.batch.new_tokens;
    operation.batch = point.batch.sequences;
    operation.kv_tokens = point.batch.past_tokens;
    return operation;
  }
  operation.op = point.kind == PointKind::embedding ? "embedding" : "head";
  operation.shape = {{"hidden", model.hidden}, {"vocabulary", model.vocabulary}};
  operation.tokens = point.batch.sequences;
  return operation;
}

}  // namespace ppplan::exec
