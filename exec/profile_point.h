// What a profile of ours measures, on the host and on GPUs: which operations of a model at which sizes.
#pragma once

#include <string>
#include <vector>

#include "planner/spec/model_spec.h"
#include "planner/spec/workload.h"
#include "traces/profile.h"

namespace ppplan::exec {

/// The largest sizes that are measured.
struct ProfileSizes {
  int max_tokens = 512;  // of a prefill micro-batch
  int max_batch = 32;    // sequences of a decode step
  int max_kv = 1024;     // tokens in the cache before the batch
};

enum class PointKind { layer, embedding, head };

/// One operation at one size. Of embedding and head, batch.sequences are the rows.
struct ProfilePoint {
  PointKind kind = PointKind::layer;
  int shape = 0;  // of a layer: index into distinct_layers()
  spec::BatchShape batch;
};

/// The layers that a profile tells apart, in order of first use.
std::vector<spec::Layer> distinct_layers(const spec::ModelSpec& model);
/// Prefill of 16, 32, ... max_tokens tokens after 0, 64, 256, ... max_kv; decode of 1, 2, ... max_batch sequences with
/// 16, 64, ... max_kv; embedding of 1, 2, ... and head of 1, 2, ... rows. The largest sizes are always among them.
std::vector<ProfilePoint> profile_points(int layer_shapes, const ProfileSizes& sizes);
/// Name, shape and sizes as a profile states them, computed in `dtype`; times are left at 0.
traces::Operation operation_of(const spec::ModelSpec& model, const ProfilePoint& point, const std::string& dtype);
/// Throws InputError for a model without layers and sizes below 16 tokens, 1 sequence or 16 cached tokens.
void check_sizes(const spec::ModelSpec& model, const ProfileSizes& sizes);

}  // namespace ppplan::exec
