// What an engine holds in a rank's memory because of its weights, beyond the weights themselves. e bytes per element of
// the activations, h hidden, n heads of a rank, q width of what queries are projected from, c rank of the latent, p, r,
// v = nope, rope and value dims:
//   latent attention  0.7.1 to 0.7.3  absorbed   (q n c + n c h) b + q n r e      b = 1 for fp8, else e
//                                     expanded   c n (p + v) 4                    quantized attention only
//                     since 0.8       expanded   c n (p + v) e                    quantized attention only
//   mxfp4 experts     matrices rounded up by the kernel, a second copy of the scales, wider biases
//                                                                                 (engines/expert_kernel.h)
//   rotary table      max_position * rotary dims * e, once on every rank: cosines and sines of all positions. Where
//                     only a part of a head rotates this is too much, by less than 0.1 GiB.
// Sources: vllm/attention/backends/mla/utils.py of v0.7.2, vllm/v1/attention/backends/mla/common.py of v0.8.4,
// vllm/model_executor/layers/rotary_embedding/base.py at 017e9f4448 (cos_sin_cache): Llama-4-Scout with its 10,485,760
// positions of 128 holds 2.5 GiB of it.
#pragma once

#include <cstdint>

#include "planner/spec/plan.h"

namespace ppplan::cost {

/// Beside the weights of one layer, on one rank on `device`.
std::int64_t kernel_bytes(const spec::Plan& plan, const spec::Layer& layer, const spec::Device& device);
/// On every rank, whatever layers it has; 0 for a model without attention that rotates.
std::int64_t rotary_table_bytes(const spec::Plan& plan);

}  // namespace ppplan::cost
