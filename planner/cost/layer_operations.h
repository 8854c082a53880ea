// A layer as the operations that a GPU engine launches for it on one rank of a tensor-parallel group of t:
//
//   GEMMs      m = tokens:  qkv [(q + 2 max(k, t)) d / t, h], o [h, q d / t], gate and up [2 i / t, h], down [h, i / t]
//   attention  over heads q/t and KV heads max(1, k/t)
//   latent     [qr + c + r, h], queries [q (n + r) / t, qr or h], [q (n + v) / t, c], output [h, q v / t]; decode
//   attends
//              in the compressed space, 2 q (2 c + r) / t FLOPs a token of context, prefill in the expanded one
//   linear     [2 (KD + VD) / t, h], [h, VD / t], a state of VD Kd / t read and written per sequence
//   experts    a grouped GEMM over the experts that at least one token chose: E (1 - (1 - a/E)^tokens) of E on average,
//              a active per token
//   all-reduce two of tokens * h elements when t > 1
//   the rest   two norms with residual, rotary embedding, activation function, as memory traffic
#pragma once

#include "planner/cost/cost_book.h"

namespace ppplan::cost {

/// What one operation or a sum of them takes, and how it is known.
struct PartTime {
  double seconds = 0;
  double weighted_error_s = 0;  // sum of seconds * relative error: parts are taken to miss in the same direction
  bool outside = false;
  Origin origin = Origin::measured;
  double spared_s = 0;  // of `seconds`, while every other core idles
  PartTime& operator+=(const PartTime& other);
};

/// Where the ranks of one cost question run.
struct Place {
  const spec::ModelSpec& model;
  const spec::Device& device;
  int tp = 1;
  spec::LinkKind tp_link = spec::LinkKind::nvlink;
  const traces::OperationTimes* times = nullptr;  // nullptr: roofline only
};

PartTime layer_time(const Place& place, const spec::Layer& layer, const spec::BatchShape& shape);
PartTime embedding_time(const Place& place, const spec::BatchShape& shape);
/// Final norm, head GEMM for the sampled tokens, and the sampler as memory traffic.
PartTime head_time(const Place& place, const spec::BatchShape& shape);
/// One all-reduce of `bytes` per rank over the group.
PartTime all_reduce_time(const Place& place, double bytes);

}  // namespace ppplan::cost
