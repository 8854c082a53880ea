#include "exec/cuda/device_weights.h"

#include <algorithm>
#include <string>
#include <vector>

#include "exec/host_weights.h"
#include "planner/input/input_error.h"

namespace ppplan::exec::cuda {

namespace {

using input::InputError;

void check_attention(const spec::ModelSpec& model, int layer) {
  const spec::Attention& a = model.layers.at(static_cast<std::size_t>(layer)).attention;
  const std::string place = "/layers/" + std::to_string(layer) + "/attention";
  if (a.kind != spec::AttentionKind::gqa && a.kind != spec::AttentionKind::sliding_window)
    throw InputError(model.name, place, "grouped-query attention, whole or in a window, on the CUDA backend",
                     std::string(spec::name(a.kind)));
  if (a.head_dim != 64 && a.head_dim != 128)
    throw InputError(model.name, place, "heads of 64 or 128 values on the CUDA backend", std::to_string(a.head_dim));
}

// The same parts at the same distances from the start.
DeviceLayerWeights moved(const kernels::host::LayerWeights& from, const float* start, const Bf16* to) {
  const auto at = [&](const float* part) { return part != nullptr ? to + (part - start) : nullptr; };
  return {at(from.attention_norm),    at(from.qkv),
          at(from.qkv_bias),          at(from.query_norm),
          at(from.key_norm),          at(from.attention_output),
          at(from.feed_forward_norm), at(from.router),
          at(from.gate_up),           at(from.down),
          at(from.shared_gate_up),    at(from.shared_down)};
}

}  // namespace

DeviceArray<Bf16> rounded(std::span<const float> values, cudaStream_t stream) {
  std::vector<Bf16> out(values.size());
  std::transform(values.begin(), values.end(), out.begin(), [](float value) { return __float2bfloat16_rn(value); });
  return kernels::cuda::uploaded(std::span<const Bf16>(out), stream);
}

DeviceLayer device_layer(const spec::ModelSpec& model, int layer, std::uint64_t seed, cudaStream_t stream) {
  check_attention(model, layer);
  DeviceLayer out;
  out.shape = layer_shape(model, layer);
  LayerMemory host(out.shape, layer, seed);
  out.memory = rounded(host.values(), stream);
  out.weights = moved(host.weights(), host.values().data(), out.memory.data());
  return out;
}

}  // namespace ppplan::exec::cuda
