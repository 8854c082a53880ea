#include "planner/engines/expert_kernel.h"

#include <gtest/gtest.h>

#include "planner/spec/gpu_kind.h"

namespace ppplan::engines {
namespace {

spec::Device card(const std::string& name) { return spec::catalog_gpu(name, "--gpu").device; }

TEST(ExpertKernel, IsChosenByCardAndRelease) {
  EXPECT_EQ(mxfp4_kernel(card("a100-80gb"), "0.25").name, "marlin");
  EXPECT_EQ(mxfp4_kernel(card("h100-sxm"), "0.10.1").name, "marlin");
  EXPECT_EQ(mxfp4_kernel(card("h100-sxm"), "0.25").name, "triton");
  EXPECT_EQ(mxfp4_kernel(card("b200"), "0.25").name, "trtllm");
}

TEST(ExpertKernel, IsTheOneAskedForWhateverTheCard) {
  const ExpertKernel asked = mxfp4_kernel(card("h200"), "0.27", "marlin");
  EXPECT_EQ(asked.name, "marlin");
  EXPECT_EQ(asked.width_multiple, 128);
  EXPECT_EQ(mxfp4_kernel(card("a100-80gb"), "0.27", "triton_unfused").name, "triton");
  EXPECT_EQ(mxfp4_kernel(card("h200"), "0.27", "flashinfer_trtllm").width_multiple, 128);
}

TEST(ExpertKernel, IsTheServersOwnWhereTheTableDoesNotKnowTheWord) {
  EXPECT_EQ(mxfp4_kernel(card("h200"), "0.27", "deep_gemm"), mxfp4_kernel(card("h200"), "0.27"));
}

}  // namespace
}  // namespace ppplan::engines
