// Tensor parallelism within a stage: the part of a layer that one of several ranks holds, after Megatron-LM (Shoeybi et
// al., 2019). Queries, keys and values are divided by whole heads, gate and up by rows, the output and the down
// projections by columns, so that a block needs one sum over the ranks at its end. Where ranks outnumber KV heads, some
// hold the same one. Norms and routers are whole on every rank; of every expert each rank holds a part. Of latent
// attention the heads are divided; what makes latents, and the latents themselves, every rank has whole.
#pragma once

#include <vector>

#include "kernels/host/layer.h"

namespace ppplan::exec {

struct TensorRank {
  int rank = 0;
  int size = 1;
  bool operator==(const TensorRank&) const = default;
};

/// The shape of what a rank holds. Throws InputError for heads, KV heads or widths that the ranks can't share evenly.
kernels::host::LayerShape part_of(const kernels::host::LayerShape& whole, const TensorRank& part);

/// The first KV head that a rank holds.
int first_kv_head(const kernels::host::LayerShape& whole, const TensorRank& part);

/// A rank's part of a layer's weights, laid out as LayerMemory (host_weights.h) lays out a layer of its shape.
std::vector<float> weights_of_part(const kernels::host::LayerShape& whole, const kernels::host::LayerWeights& weights,
                                   const TensorRank& part);

/// Rows of the embedding or head, [vocabulary, hidden], that each rank holds; the last may hold fewer.
int rows_of_part(int vocabulary, const TensorRank& part);

}  // namespace ppplan::exec
