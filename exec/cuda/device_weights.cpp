#include "exec/cuda/device_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "planner/input/input_error.h"

namespace ppplan::exec::cuda {

namespace {

using input::InputError;
using kernels::host::LatentShape;

// What the latent kernel takes, and widths whose rows start on 16-byte boundaries.
void check_latents(const spec::ModelSpec& model, const std::string& place, const spec::Attention& a) {
  const bool taken = (a.kv_lora_rank == 512 && a.rope_dim == 64) || (a.kv_lora_rank == 256 && a.rope_dim == 32);
  if (!taken)
    throw InputError(model.name, place, "latents of 512 and 64 or of 256 and 32 values on the CUDA backend",
                     fmt::format("{} and {}", a.kv_lora_rank, a.rope_dim));
  if (a.nope_dim % 8 != 0 || a.value_dim % 8 != 0 || a.q_lora_rank % 8 != 0)
    throw InputError(model.name, place, "nope_dim, value_dim and q_lora_rank in multiples of 8 on the CUDA backend",
                     fmt::format("{}, {} and {}", a.nope_dim, a.value_dim, a.q_lora_rank));
}

void check_attention(const spec::ModelSpec& model, int layer) {
  const spec::Attention& a = model.layers.at(static_cast<std::size_t>(layer)).attention;
  const std::string place = "/layers/" + std::to_string(layer) + "/attention";
  if (a.kind == spec::AttentionKind::mla) return check_latents(model, place, a);
  if (a.kind != spec::AttentionKind::gqa && a.kind != spec::AttentionKind::sliding_window)
    throw InputError(model.name, place,
                     "grouped-query attention, whole or in a window, or latent attention on the CUDA backend",
                     std::string(spec::name(a.kind)));
  if (a.head_dim != 64 && a.head_dim != 128)
    throw InputError(model.name, place, "heads of 64 or 128 values on the CUDA backend", std::to_string(a.head_dim));
}

// The same parts at the same distances from the start.
DeviceLayerWeights moved(const kernels::host::LayerGradients& from, const float* start, const Bf16* to) {
  const auto at = [&](const float* part) { return part != nullptr ? to + (part - start) : nullptr; };
  return {at(from.attention_norm),    at(from.qkv),
          at(from.qkv_bias),          at(from.query_norm),
          at(from.key_norm),          at(from.attention_output),
          at(from.feed_forward_norm), at(from.router),
          at(from.gate_up),           at(from.down),
          at(from.shared_gate_up),    at(from.shared_down),
          at(from.query_up),          at(from.key_up),
          at(from.value_up)};
}

// Of every head [nope, latent] to [latent, nope].
void transpose_heads(const LatentShape& a, float* key_up) {
  const auto nope = static_cast<std::size_t>(a.nope), latent = static_cast<std::size_t>(a.latent);
  for (int head = 0; head < a.heads; ++head, key_up += nope * latent) {
    const std::vector<float> from(key_up, key_up + nope * latent);
    for (std::size_t row = 0; row < nope; ++row)
      for (std::size_t column = 0; column < latent; ++column) key_up[column * nope + row] = from[row * latent + column];
  }
}

}  // namespace

DeviceArray<Bf16> rounded(std::span<const float> values, cudaStream_t stream) {
  std::vector<Bf16> out(values.size());
  std::transform(values.begin(), values.end(), out.begin(), [](float value) { return __float2bfloat16_rn(value); });
  return kernels::cuda::uploaded(std::span<const Bf16>(out), stream);
}

DeviceLayer device_layer(const spec::ModelSpec& model, int layer, std::uint64_t seed, const TensorRank& part,
                         cudaStream_t stream) {
  check_attention(model, layer);
  DeviceLayer out;
  out.whole = layer_shape(model, layer);
  out.shape = part_of(out.whole, part);
  const LayerMemory whole(out.whole, layer, seed);
  std::vector<float> own = weights_of_part(out.whole, whole.weights(), part);
  const kernels::host::LayerGradients arrays = gradient_arrays(out.shape, own.data());
  if (out.shape.latent) transpose_heads(*out.shape.latent, arrays.key_up);
  out.memory = rounded(own, stream);
  out.weights = moved(arrays, own.data(), out.memory.data());
  return out;
}

DeviceArray<Bf16> device_end(const spec::ModelSpec& model, End end, std::uint64_t seed, const TensorRank& part,
                             cudaStream_t stream) {
  const kernels::host::Buffer whole = end_weights(model, end, seed);
  const auto rows = static_cast<std::size_t>(rows_of_part(model.vocabulary, part));
  const std::size_t count = rows * static_cast<std::size_t>(model.hidden);
  const std::size_t first = std::min(count * static_cast<std::size_t>(part.rank), whole.size());
  std::vector<float> own(whole.data() + first, whole.data() + std::min(first + count, whole.size()));
  own.resize(count);
  return rounded(own, stream);
}

}  // namespace ppplan::exec::cuda
