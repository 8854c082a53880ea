#include "planner/spec/config_dtype.h"

#include <optional>
#include <string>

#include "planner/spec/model_limits.h"
#include "planner/spec/module_patterns.h"

namespace ppplan::spec {
namespace {

using input::Node;

/// Each method says in its own word whether groups have zero points: AWQ's zero_point, GPTQ's sym, compressed-tensors'
/// symmetric. Without a word AWQ has them, the others have none.
bool has_zero_points(const Node& stated, bool unsaid) {
  if (const auto zeros = stated.find("zero_point")) return zeros->boolean();
  for (const char* key : {"sym", "symmetric"})
    if (const auto symmetric = stated.find(key)) return !symmetric->boolean();
  return unsaid;
}

/// Of a node that may state a group_size: the values that share a scale. `zeros` as above.
DType integer_format(const Node& stated, const char* bits_key, bool zeros = false) {
  const Node bits = stated.at(bits_key);
  const auto width = bits.integer();
  const auto group = stated.find("group_size");
  const bool small = group && group->integer() == 32;
  if (width == 4 && small) return has_zero_points(stated, zeros) ? DType::int4_g32_zeros : DType::int4_g32;
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
  if (text.starts_with("MXFP4")) return DType::mxfp4;
  if (text.starts_with("W4A")) return DType::int4;
  if (text.starts_with("INT8") || text.starts_with("W8A8")) return DType::int8;
  algorithm.fail("FP8, NVFP4, MXFP4, W4A16_AWQ, W4A8_AWQ or INT8_SQ");
}

/// 4 bits with a 4-byte scale for each 64, which takes what int4 in groups of 32 does.
DType bitsandbytes_format(const Node& config) {
  const auto is_set = [&](const char* key) {
    const auto found = config.find(key);
    return found && found->boolean();
  };
  if (is_set("load_in_4bit")) return DType::int4_g32;
  if (is_set("load_in_8bit")) return DType::int8;
  config.fail("load_in_4bit or load_in_8bit");
}

/// One group of compressed-tensors.
DType group_format(const Node& group) {
  const Node weights = group.at("weights");
  if (weights.at("type").text() == "int") return integer_format(weights, "num_bits");
  const Node bits = weights.at("num_bits");
  if (bits.integer() == 8) return DType::fp8;
  const auto size = weights.find("group_size");
  if (bits.integer() == 4) return size && size->integer() == 32 ? DType::mxfp4 : DType::nvfp4;
  bits.fail("4 or 8 bits");
}

/// The group whose targets name the kind of module; "Linear" is every matrix.
std::optional<DType> grouped_format(const Node& groups, ModuleKind kind, int layers) {
  for (const std::string& name : groups.keys()) {
    const Node group = groups.at(name);
    const auto targets = group.find("targets");
    if (!targets) return group_format(group);
    ModulePatterns patterns;
    for (const Node& target : targets->items()) {
      if (target.text() == "Linear") return group_format(group);
      patterns.add(target.text());
    }
    if (patterns.names(kind, layers)) return group_format(group);
  }
  return std::nullopt;
}

/// The group one of whose targets is the head by name. "Linear" alone means the layers' matrices: the lists that go with
/// it leave the head out, and so do engines.
std::optional<DType> head_format(const Node& groups) {
  for (const std::string& name : groups.keys()) {
    const auto targets = groups.at(name).find("targets");
    if (!targets) continue;
    for (const Node& target : targets->items())
      if (target.text().find("lm_head") != std::string::npos) return group_format(groups.at(name));
  }
  return std::nullopt;
}

/// All lists of modules that the methods leave alone, each under its method's name.
ModulePatterns left_alone(const Node& config) {
  ModulePatterns out;
  const auto nested = config.find("quantization");
  for (const char* key :
       {"ignore", "ignored_layers", "modules_to_not_convert", "exclude_modules", "llm_int8_skip_modules"})
    for (const auto& place : {std::optional<Node>(config), nested}) {
      const auto list = place ? place->find(key) : std::nullopt;
      if (!list) continue;
      for (const Node& item : list->items()) out.add(item.text());
    }
  return out;
}

int group_length(const Node& node) { return static_cast<int>(node.integer(1, most_in_scale_group)); }

/// [outputs, inputs]
ScaleGroup block(const Node& lengths) {
  const auto items = lengths.items();
  if (items.size() != 2) lengths.fail("two lengths, of outputs and inputs");
  return {group_length(items[1]), group_length(items[0])};
}

/// A group_size of -1 means that a scale serves the whole input, however it is cut.
ScaleGroup along_inputs(const Node& stated) {
  const auto length = stated.find("group_size");
  if (!length || length->integer() <= 0) return {};
  return {group_length(*length), 1};
}

/// Of the first group of compressed-tensors.
ScaleGroup grouped(const Node& groups) {
  for (const std::string& name : groups.keys()) {
    const Node weights = groups.at(name).at("weights");
    const auto structure = weights.find("block_structure");
    return structure ? block(*structure) : along_inputs(weights);
  }
  return {};
}

DType single_format(const Node& config, const Node& method) {
  const std::string text = method.text();
  if (text == "fp8" || text == "fbgemm_fp8") return DType::fp8;
  if (text == "awq" || text == "gptq" || text == "auto-round") return integer_format(config, "bits", text == "awq");
  if (text == "bitsandbytes") return bitsandbytes_format(config);
  if (text == "modelopt" || text == "modelopt_fp4") return modelopt_format(config);
  if (text == "mxfp4") return DType::mxfp4;
  method.fail("fp8, fbgemm_fp8, awq, gptq, auto-round, bitsandbytes, modelopt, mxfp4 or compressed-tensors");
}

/// compressed-tensors, and ModelOpt where several formats are mixed.
bool has_groups(const Node& config) {
  if (config.at("quant_method").text() == "compressed-tensors") return true;
  const auto algorithm = config.find("quant_algo");
  return algorithm && algorithm->text() == "MIXED_PRECISION";
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

ScaleGroup scale_group(const Node& config) {
  const auto quantization = config.find("quantization_config");
  if (!quantization) return {};
  if (const auto lengths = quantization->find("weight_block_size")) return block(*lengths);
  const auto groups = quantization->find("config_groups");
  return groups ? grouped(*groups) : along_inputs(*quantization);
}

WeightFormats weight_formats(const Node& config, DType activations, int layers) {
  WeightFormats out{activations, activations, activations};
  const auto quantization = config.find("quantization_config");
  if (!quantization) return out;
  const Node method = quantization->at("quant_method");
  const bool grouped = has_groups(*quantization);
  const ModulePatterns alone = left_alone(*quantization);
  if (grouped && quantization->at("config_groups").keys().empty())
    quantization->at("config_groups").fail("at least one group");
  const auto format = [&](ModuleKind kind) {
    if (alone.names(kind, layers)) return activations;
    if (!grouped) return single_format(*quantization, method);
    return grouped_format(quantization->at("config_groups"), kind, layers).value_or(activations);
  };
  out.experts = format(ModuleKind::experts);
  // mxfp4 of gpt-oss is a format of experts alone.
  if (method.text() == "mxfp4") return out;
  // DeepSeek-V4 says beside a method for all other matrices that its experts are in 4 bits.
  const auto experts = config.find("expert_dtype");
  if (experts && experts->text() == "fp4" && out.experts == DType::fp8) out.experts = DType::mxfp4;
  out.dense = format(ModuleKind::dense);
  out.attention = format(ModuleKind::attention);
  if (grouped) out.head = head_format(quantization->at("config_groups"));
  return out;
}

}  // namespace ppplan::spec
