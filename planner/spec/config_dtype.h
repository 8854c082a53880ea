// Number formats stated by a Hugging Face config.
#pragma once

#include <optional>

#include "planner/input/document.h"
#include "planner/spec/dtype.h"
#include "planner/spec/model_spec.h"

namespace ppplan::spec {

/// torch_dtype (dtype in newer files): float32, bfloat16 or float16; bf16 when it is not stated.
DType activation_dtype(const input::Node& config);

/// Of the matrices of dense blocks and shared experts, of attention, of experts, and of the head where one is stated.
struct WeightFormats {
  DType dense = DType::bf16;
  DType attention = DType::bf16;
  DType experts = DType::bf16;
  std::optional<DType> head = std::nullopt;
  bool operator==(const WeightFormats&) const = default;
};
/// quantization_config: fp8, awq, gptq, bitsandbytes, modelopt, compressed-tensors and mxfp4; otherwise `activations`.
/// What most of the `layers` leave alone (ignore, modules_to_not_convert, targets of the groups) keeps `activations`.
/// The head has a format where a group's targets name lm_head.
/// Throws InputError for a method that is not known.
WeightFormats weight_formats(const input::Node& config, DType activations, int layers);
/// Of the same quantization_config: weight_block_size [outputs, inputs], a block_structure of compressed-tensors, or the
/// group_size along the inputs.
ScaleGroup scale_group(const input::Node& config);

}  // namespace ppplan::spec
