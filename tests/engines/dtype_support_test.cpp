#include "planner/engines/dtype_support.h"

#include <gtest/gtest.h>

#include "planner/engines/vllm_rules.h"
#include "planner/input/input_error.h"
#include "planner/spec/gpu_kind.h"
#include "planner/spec/read_model.h"

namespace ppplan::engines {
namespace {

using Kind = DtypeSupport::Kind;
using spec::DType;

spec::Device card(const std::string& name) { return spec::catalog_gpu(name, "").device; }

Kind kind(const std::string& gpu, DType dtype, const std::string& version = "0.26") {
  return dtype_support(card(gpu), dtype, version).kind;
}

TEST(DtypeSupport, BuildsFromSourceAreForWhateverCardsTheirMakerChose) {
  EXPECT_EQ(kind("rtx5090", DType::bf16, "0.8.5"), Kind::unsupported);
  EXPECT_EQ(kind("rtx5090", DType::bf16, "0.8.5.dev169+gce17db808"), kind("rtx5090", DType::bf16, "0.9"));
}

TEST(DtypeSupport, FollowsTheComputeCapability) {
  EXPECT_EQ(kind("t4", DType::bf16), Kind::unsupported);
  EXPECT_EQ(kind("t4", DType::fp16), Kind::native);
  EXPECT_EQ(kind("v100-32gb", DType::fp16), Kind::native);
  EXPECT_EQ(kind("rtx3090", DType::bf16), Kind::native);
  EXPECT_EQ(kind("rtx3090", DType::fp8), Kind::weight_only);
  EXPECT_EQ(kind("l4", DType::fp8), Kind::native);
  EXPECT_EQ(kind("v100-32gb", DType::fp8), Kind::unsupported);
  EXPECT_EQ(kind("h100-sxm", DType::nvfp4), Kind::weight_only);
  EXPECT_EQ(kind("rtx5090", DType::nvfp4), Kind::native);
  EXPECT_EQ(kind("h100-sxm", DType::int4), Kind::weight_only) << "4-bit weights are never computed in 4 bits";
  EXPECT_EQ(kind("h100-sxm", DType::int8), Kind::native);
  EXPECT_EQ(kind("b200", DType::int8), Kind::weight_only);
  EXPECT_EQ(kind("p40", DType::fp16), Kind::unsupported);
}

TEST(DtypeSupport, FollowsTheVersion) {
  EXPECT_EQ(kind("t4", DType::fp8, "0.13"), Kind::unsupported);
  EXPECT_EQ(kind("t4", DType::fp8, "0.14"), Kind::weight_only);
  EXPECT_EQ(kind("a40", DType::nvfp4, "0.8.5"), Kind::unsupported);
  EXPECT_EQ(kind("a40", DType::nvfp4, "0.9.0"), Kind::weight_only);
  EXPECT_EQ(kind("rtx5090", DType::bf16, "0.8.5"), Kind::unsupported) << "built before Blackwell";
  EXPECT_EQ(kind("rtx5090", DType::bf16, "0.9.0"), Kind::native);
  EXPECT_EQ(dtype_support(card("l4"), DType::fp8, ""), dtype_support(card("l4"), DType::fp8, newest_vllm()));
  EXPECT_THROW(dtype_support(card("l4"), DType::fp8, "new"), input::InputError);
}

TEST(DtypeSupport, OfTheKvCacheDependsOnTheEngine) {
  const auto kv = [](const char* gpu, const char* version) {
    return kv_dtype_support(card(gpu), DType::fp8, version).kind;
  };
  EXPECT_EQ(kv("h100-sxm", "0.26"), Kind::native);
  EXPECT_EQ(kv("rtx3090", "0.26"), Kind::weight_only);
  EXPECT_EQ(kv("t4", "0.26"), Kind::unsupported);
  EXPECT_EQ(kv("t4", "0.6"), Kind::weight_only) << "the V0 engine converts when it reads";
}

TEST(DtypeSupport, OfAmdGoesByArchitecture) {
  EXPECT_EQ(kind("mi300x", DType::fp8), Kind::native);
  EXPECT_EQ(kind("mi250x", DType::bf16), Kind::native);
  EXPECT_EQ(kind("mi250x", DType::fp8), Kind::unsupported);
  EXPECT_EQ(kind("mi300x", DType::nvfp4), Kind::unknown);
}

TEST(DtypeSupport, SaysWhy) {
  const auto reason = [](const char* gpu, DType dtype) { return dtype_support(card(gpu), dtype, "0.26").reason; };
  EXPECT_EQ(reason("t4", DType::bf16), "bf16 weights need compute capability 8.0 under vLLM 0.26, t4 has 7.5");
  EXPECT_EQ(reason("rtx3090", DType::fp8),
            "fp8 weights on rtx3090 (compute capability 8.6) only save memory, computed in 16 bits: through Marlin");
  EXPECT_EQ(reason("h100-sxm", DType::bf16), "");
  EXPECT_NE(reason("cpu-core", DType::bf16), "");
}

TEST(DtypeSupport, IsToldOfEveryCardAndFormat) {
  for (const auto& [name, gpu] : spec::catalog_gpus())
    for (DType dtype : {DType::fp32, DType::bf16, DType::fp16, DType::fp8, DType::int8, DType::int4, DType::nvfp4}) {
      const DtypeSupport support = dtype_support(gpu.device, dtype, "");
      EXPECT_TRUE(support.kind == Kind::native || !support.reason.empty()) << name << " " << spec::name(dtype);
      if (gpu.device.compute_capability > 0) {
        EXPECT_NE(support.kind, Kind::unknown) << name;
      }
    }
}

TEST(FormatFault, KnowsMethodsAndSparseAttention) {
  const auto fault = [](const char* model, const char* gpu) {
    return format_fault(spec::read_model(model), card(gpu), "0.12");
  };
  EXPECT_EQ(fault("Qwen/Qwen2.5-72B-Instruct-AWQ", "v100-32gb"),
            "awq checkpoints need compute capability 7.5, v100-32gb has 7.0");
  EXPECT_EQ(fault("Qwen/Qwen2.5-72B-Instruct-AWQ", "a10g"), "");
  EXPECT_EQ(fault("Qwen/Qwen2.5-72B-Instruct-GPTQ-Int4", "v100-32gb").find("checkpoints"), std::string::npos);
  EXPECT_EQ(fault("deepseek-ai/DeepSeek-V3.2", "a100-sxm-80gb"),
            "kernels of sparse latent attention need compute capability 9.0, a100-sxm-80gb has 8.0");
  EXPECT_EQ(fault("deepseek-ai/DeepSeek-V3.2", "h200"), "");
  EXPECT_EQ(fault("deepseek-ai/DeepSeek-V3.1", "a100-sxm-80gb"), "");
}

TEST(Bf16, FallsBackFrom09On) {
  EXPECT_FALSE(falls_back_to_fp16("0.8.4"));
  EXPECT_TRUE(falls_back_to_fp16("0.9.0"));
  EXPECT_TRUE(falls_back_to_fp16(""));
}

}  // namespace
}  // namespace ppplan::engines
