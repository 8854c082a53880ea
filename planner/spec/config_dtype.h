// Number formats stated by a Hugging Face config.
#pragma once

#include "planner/input/document.h"
#include "planner/spec/dtype.h"

namespace ppplan::spec {

/// torch_dtype (dtype in newer files): float32, bfloat16 or float16; bf16 when it is not stated.
DType activation_dtype(const input::Node& config);
/// quantization_config: fp8, awq, gptq, modelopt and compressed-tensors as the format of the weights; otherwise
/// `activations`. Throws InputError for a method that is not known.
DType weight_dtype(const input::Node& config, DType activations);

}  // namespace ppplan::spec
