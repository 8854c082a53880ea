// Every kernel of kernels/cuda against its reference in kernels/host, run on the double of the execution model: its
// arithmetic and its indices, not a GPU.
#include <gtest/gtest.h>

#include <ostream>
#include <stdexcept>
#include <vector>

#include "tests/cuda_on_cpu/check_data.h"
#include "tests/cuda_on_cpu/checks.h"

namespace ppplan::tests {
namespace {

/// An operation's check and how many seeds it is worth: together some ten seconds under both sanitizers.
struct Checked {
  const char* name;
  Check check;
  unsigned seeds;
};
void PrintTo(const Checked& checked, std::ostream* out) { *out << checked.name; }

class CudaKernels : public testing::TestWithParam<Checked> {};

TEST_P(CudaKernels, EqualTheHostUnderEveryOrderOfThreads) {
  for (unsigned seed = 0; seed < GetParam().seeds; ++seed)
    ASSERT_EQ(GetParam().check(CudaOperations{}, seed), "") << "seed " << seed;
}

INSTANTIATE_TEST_SUITE_P(
    Operations, CudaKernels,
    testing::Values(Checked{"Embed", check_embed, 30}, Checked{"RmsNorm", check_rms_norm, 20},
                    Checked{"AddRmsNorm", check_add_rms_norm, 20}, Checked{"RopeStoreKv", check_rope_store_kv, 40},
                    Checked{"Swiglu", check_swiglu, 30}, Checked{"Argmax", check_argmax, 20},
                    Checked{"Route", check_route, 16}, Checked{"SortByExpert", check_sort_by_expert, 5},
                    Checked{"GroupedLinear", check_grouped_linear, 6},
                    Checked{"CombineExperts", check_combine_experts, 40},
                    Checked{"PrefillAttention", check_prefill_attention, 8},
                    Checked{"DecodeAttention", check_decode_attention, 20}, Checked{"Parts", check_parts, 30},
                    Checked{"RopeStoreLatent", check_rope_store_latent, 20},
                    Checked{"LatentAttention", check_latent_attention, 12}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(CudaKernelShapes, NoRowsAreNoLaunch) {
  EXPECT_NO_THROW(kernels::cuda::swiglu(nullptr, 0, 8, nullptr, nullptr));
  EXPECT_NO_THROW(kernels::cuda::argmax(nullptr, 0, 8, nullptr, nullptr));
  EXPECT_NO_THROW(kernels::cuda::rms_norm(nullptr, nullptr, 1e-5f, {}, nullptr, nullptr));
}

TEST(CudaKernelShapes, UnsupportedOnesAreRefused) {
  const auto decode = [](const kernels::cuda::AttentionShape& shape, int stride, int splits) {
    kernels::cuda::decode_attention(nullptr, stride, shape, {}, {}, splits, nullptr, nullptr, nullptr);
  };
  EXPECT_NO_THROW(decode({8, 2, 128, 0}, 1536, 1));  // no sequences
  EXPECT_THROW(decode({8, 2, 80, 0}, 1536, 1), std::invalid_argument);
  EXPECT_THROW(decode({8, 3, 128, 0}, 1536, 1), std::invalid_argument);
  EXPECT_THROW(decode({8, 2, 128, 0}, 1537, 1), std::invalid_argument);
  EXPECT_THROW(decode({17, 1, 128, 0}, 1536, 1), std::invalid_argument);
  EXPECT_THROW(decode({8, 2, 128, 0}, 1536, 0), std::invalid_argument);
  EXPECT_THROW(kernels::cuda::latent_attention(nullptr, nullptr, 0, {1, 128, 64, 64, 64}, {}, {}, nullptr, nullptr),
               std::invalid_argument);
  EXPECT_THROW(kernels::cuda::route(nullptr, 0, 8, 9, nullptr, nullptr, nullptr), std::invalid_argument);
}

}  // namespace
}  // namespace ppplan::tests
