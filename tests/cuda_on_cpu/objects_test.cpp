// The kernels as nvcc compiled them: they link into a program that starts on a machine without a driver. Nothing is
// launched.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "kernels/cuda/operations.h"

namespace ppplan::tests {
namespace {

TEST(CudaObjects, LinkIntoAProgramThatNeedsNoDriver) {
  kernels::cuda::embed(nullptr, nullptr, 0, 8, nullptr, nullptr);
  kernels::cuda::rms_norm(nullptr, nullptr, 1e-5f, {}, nullptr, nullptr);
  kernels::cuda::add_rms_norm(nullptr, nullptr, 1e-5f, 0, 8, nullptr, nullptr, nullptr);
  kernels::cuda::rope_store_kv(nullptr, nullptr, nullptr, nullptr, nullptr, 0, {}, {}, nullptr);
  kernels::cuda::prefill_attention(nullptr, 64, nullptr, 0, {1, 1, 64, 0}, {}, {}, nullptr, nullptr);
  kernels::cuda::decode_attention(nullptr, 64, {1, 1, 64, 0}, {}, {}, 1, nullptr, nullptr, nullptr);
  kernels::cuda::latent_attention(nullptr, nullptr, 0, {1, 512, 128, 64, 128}, {}, {}, nullptr, nullptr);
  kernels::cuda::swiglu(nullptr, 0, 8, nullptr, nullptr);
  kernels::cuda::route(nullptr, 0, 8, 2, nullptr, nullptr, nullptr);
  kernels::cuda::grouped_linear(nullptr, nullptr, nullptr, nullptr, 8, 0, 64, 64, nullptr, nullptr);
  kernels::cuda::combine_experts(nullptr, nullptr, nullptr, nullptr, 0, 2, 8, nullptr, nullptr);
  kernels::cuda::argmax(nullptr, 0, 8, nullptr, nullptr);
  std::ostringstream loaded;
  loaded << std::ifstream("/proc/self/maps").rdbuf();
  EXPECT_EQ(loaded.str().find("libcuda.so"), std::string::npos);
}

}  // namespace
}  // namespace ppplan::tests
