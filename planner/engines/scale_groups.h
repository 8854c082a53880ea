// Whether the slices of a quantized model's matrices hold whole groups of weights that share a scale. vLLM refuses others
// when it makes the weights: "The output_size of gate's and up's weight = 192 is not divisible by weight quantization
// block_n = 128" (fp8.py and the block schemes of compressed-tensors, 0.7 to 0.25 at least), "The input size is not
// aligned with the quantized weight shape" (awq.py, gptq.py).
#pragma once

#include <string>

#include "planner/spec/model_spec.h"

namespace ppplan::engines {

/// Why `tp` > 1, which divides heads and columns, can't divide this layer's quantized matrices; "" when it can. With
/// expert parallelism experts stay whole. Latent and linear attention are not looked at. Version "" = the newest: from
/// 0.14 on, fp8 keys may end anywhere.
std::string scale_group_fault(const spec::ModelSpec& model, const spec::Layer& layer, int tp, bool expert_parallel,
                              const std::string& version = "");

}  // namespace ppplan::engines
