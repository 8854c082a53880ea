// Number formats of weights, activations and KV cache.
#pragma once

#include <optional>
#include <string_view>

namespace ppplan::spec {

enum class DType { fp32, bf16, fp16, fp8, int8, int4, int4_g32, int4_g32_zeros, nvfp4, mxfp4 };

std::string_view name(DType dtype);
std::optional<DType> dtype(std::string_view name);
/// Bytes of one element, scales included where the format has them: nvfp4 carries one fp8 scale per 16 elements
/// (0.5625), mxfp4 one of 8 bits per 32 (0.53125), int4 one fp16 scale and one 4-bit zero point per 128 (0.51953125),
/// int4_g32 one 16-bit scale per 32 (0.5625): the weights of Kimi-K2 in compressed-tensors, symmetric; int4_g32_zeros
/// one 4-bit zero point beside it (0.578125): AWQ with groups of 32.
double bytes_per_element(DType dtype);
/// The format whose kernels it runs on, and whose name people give it: int4 of those in groups of 32, others
/// themselves.
DType family(DType dtype);
/// Neither bf16, fp16 nor fp32.
bool is_quantized(DType dtype);

}  // namespace ppplan::spec
