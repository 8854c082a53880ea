// Weights in a GPU's memory, bf16: what host_weights.h draws from the seed, or a rank's part of it, rounded.
#pragma once

#include <cstdint>
#include <span>

#include "exec/host_weights.h"
#include "exec/tensor_part.h"
#include "kernels/cuda/operations.h"
#include "kernels/cuda/owners.h"
#include "kernels/host/layer.h"
#include "planner/spec/model_spec.h"

namespace ppplan::exec::cuda {

using kernels::cuda::Bf16;
using kernels::cuda::DeviceArray;

using DeviceLayerWeights = kernels::host::LayerArrays<const Bf16>;

struct DeviceLayer {
  kernels::host::LayerShape whole;
  kernels::host::LayerShape shape;  // of the part
  DeviceArray<Bf16> memory;
  DeviceLayerWeights weights;  // in memory, each part on a 32-byte boundary, as kernels/cuda/layer.h has them
};

/// On the current device, there when it returns; so are the rest. Throws InputError for a layer whose attention the
/// kernels don't compute or whose parts are no equal shares, DeviceError.
DeviceLayer device_layer(const spec::ModelSpec& model, int layer, std::uint64_t seed, const TensorRank& part,
                         cudaStream_t stream);

/// A rank's rows of embedding or head; rows beyond the last are zeros.
DeviceArray<Bf16> device_end(const spec::ModelSpec& model, End end, std::uint64_t seed, const TensorRank& part,
                             cudaStream_t stream);

DeviceArray<Bf16> rounded(std::span<const float> values, cudaStream_t stream);

}  // namespace ppplan::exec::cuda
