// Checks of the operations of kernels/cuda against kernels/host. Each draws shapes and data from its seed, sets the
// thread order by the same seed, and returns "" or the first difference. The operations are passed in, so that a broken
// copy of one meets the same check. Throw ExecutionError where the double does.
//
// Tolerances, with u = 2^-8, the largest relative error of rounding to bf16 (8 significant bits):
//   results of one rounding: u |expected|, plus what fp32 sums in another order may differ by, stated at each check;
//   attention: weights p are rounded to bf16 before they meet the values, so u sum(p |v|) more, and 1e-4 of that sum
//   for scores whose fp32 sums of up to 128 products differ in order.
#pragma once

#include <string>

#include "kernels/cuda/operations.h"

namespace ppplan::tests {

struct CudaOperations {
  decltype(&kernels::cuda::embed) embed = &kernels::cuda::embed;
  decltype(&kernels::cuda::rms_norm) rms_norm = &kernels::cuda::rms_norm;
  decltype(&kernels::cuda::add_rms_norm) add_rms_norm = &kernels::cuda::add_rms_norm;
  decltype(&kernels::cuda::rope_store_kv) rope_store_kv = &kernels::cuda::rope_store_kv;
  decltype(&kernels::cuda::prefill_attention) prefill_attention = &kernels::cuda::prefill_attention;
  decltype(&kernels::cuda::decode_attention) decode_attention = &kernels::cuda::decode_attention;
  decltype(&kernels::cuda::swiglu) swiglu = &kernels::cuda::swiglu;
  decltype(&kernels::cuda::route) route = &kernels::cuda::route;
  decltype(&kernels::cuda::sort_by_expert) sort_by_expert = &kernels::cuda::sort_by_expert;
  decltype(&kernels::cuda::grouped_linear) grouped_linear = &kernels::cuda::grouped_linear;
  decltype(&kernels::cuda::combine_experts) combine_experts = &kernels::cuda::combine_experts;
  decltype(&kernels::cuda::argmax) argmax = &kernels::cuda::argmax;
  decltype(&kernels::cuda::embed_part) embed_part = &kernels::cuda::embed_part;
  decltype(&kernels::cuda::join_columns) join_columns = &kernels::cuda::join_columns;
  decltype(&kernels::cuda::rope_store_latent) rope_store_latent = &kernels::cuda::rope_store_latent;
  decltype(&kernels::cuda::latent_attention) latent_attention = &kernels::cuda::latent_attention;
};

using Check = std::string (*)(const CudaOperations&, unsigned seed);

std::string check_embed(const CudaOperations& operations, unsigned seed);
std::string check_rms_norm(const CudaOperations& operations, unsigned seed);
std::string check_add_rms_norm(const CudaOperations& operations, unsigned seed);
std::string check_rope_store_kv(const CudaOperations& operations, unsigned seed);
std::string check_swiglu(const CudaOperations& operations, unsigned seed);
std::string check_argmax(const CudaOperations& operations, unsigned seed);
std::string check_route(const CudaOperations& operations, unsigned seed);
std::string check_sort_by_expert(const CudaOperations& operations, unsigned seed);
std::string check_grouped_linear(const CudaOperations& operations, unsigned seed);
std::string check_combine_experts(const CudaOperations& operations, unsigned seed);
std::string check_prefill_attention(const CudaOperations& operations, unsigned seed);
std::string check_decode_attention(const CudaOperations& operations, unsigned seed);
/// embed_part() and join_columns() against the whole.
std::string check_parts(const CudaOperations& operations, unsigned seed);
std::string check_rope_store_latent(const CudaOperations& operations, unsigned seed);
std::string check_latent_attention(const CudaOperations& operations, unsigned seed);

}  // namespace ppplan::tests
