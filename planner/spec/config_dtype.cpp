#include "planner/spec/config_dtype.h"

#include <optional>
#include <string>

namespace ppplan::spec {
namespace {

using input::Node;

DType integer_format(const Node& bits) {
  const auto width = bits.integer();
  if (width == 4) return DType::int4;
  if (width == 8) return DType::int8;
  bits.fail("4 or 8 bits");
}

/// NVIDIA's ModelOpt names its formats: FP8, FP8_PB_WO, NVFP4, W4A16_AWQ, W4A8_AWQ, INT8_SQ.
DType modelopt_format(const Node& config) {
  const auto nested = config.find("quantization");
  const Node algorithm = (nested ? *nested : config).at("quant_algo");
  const std::string text = algorithm.text();
  if (text.starts_with("FP8")) return DType::fp8;
  if (text == "NVFP4") return DType::nvfp4;
  if (text.starts_with("W4A")) return DType::int4;
  if (text.starts_with("INT8") || text.starts_with("W8A8")) return DType::int8;
  algorithm.fail("FP8, NVFP4, W4A16_AWQ, W4A8_AWQ or INT8_SQ");
}

/// compressed-tensors: the first group of layers decides; groups of several formats do not occur in released
/// checkpoints of the architectures read here.
DType compressed_format(const Node& config) {
  const Node groups = config.at("config_groups");
  const auto names = groups.keys();
  if (names.empty()) groups.fail("at least one group");
  const Node weights = groups.at(names.front()).at("weights");
  const Node bits = weights.at("num_bits");
  if (weights.at("type").text() == "int") return integer_format(bits);
  if (bits.integer() == 8) return DType::fp8;
  if (bits.integer() == 4) return DType::nvfp4;
  bits.fail("4 or 8 bits");
}

}  // namespace

DType activation_dtype(const Node& config) {
  auto stated = config.find("torch_dtype");
  if (!stated) stated = config.find("dtype");
  if (!stated) return DType::bf16;
  const std::string text = stated->text();
  if (text == "bfloat16" || text == "torch.bfloat16") return DType::bf16;
  if (text == "float16" || text == "half" || text == "torch.float16") return DType::fp16;
  if (text == "float32" || text == "float" || text == "torch.float32") return DType::fp32;
  stated->fail("bfloat16, float16 or float32");
}

DType weight_dtype(const Node& config, DType activations) {
  const auto quantization = config.find("quantization_config");
  if (!quantization) return activations;
  const Node method = quantization->at("quant_method");
  const std::string text = method.text();
  if (text == "fp8" || text == "fbgemm_fp8") return DType::fp8;
  if (text == "awq" || text == "gptq") return integer_format(quantization->at("bits"));
  if (text == "modelopt" || text == "modelopt_fp4") return modelopt_format(*quantization);
  if (text == "compressed-tensors") return compressed_format(*quantization);
  method.fail("fp8, fbgemm_fp8, awq, gptq, modelopt or compressed-tensors");
}

}  // namespace ppplan::spec
