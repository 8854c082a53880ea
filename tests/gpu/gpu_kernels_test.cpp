// Every kernel of kernels/cuda on a GPU against its reference in kernels/host: the checks that the double of the
// execution model passes, with as many seeds as PPPLAN_GPU_SEEDS says.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <ostream>
#include <string>

#include "kernels/cuda/status.h"
#include "tests/cuda_on_cpu/checks.h"
#include "tests/gpu/mapped_memory.h"

namespace ppplan::tests {
namespace {

/// The checks read results as soon as an operation returns.
template <auto kOperation, typename... Arguments>
void ended(Arguments... arguments) {
  kOperation(arguments...);
  PPPLAN_CHECK(cudaDeviceSynchronize());
}
template <auto kOperation, typename... Arguments>
void set_to_end(void (*&operation)(Arguments...)) {
  operation = &ended<kOperation, Arguments...>;
}

CudaOperations ended_operations() {
  namespace cuda = kernels::cuda;
  CudaOperations out;
  set_to_end<&cuda::embed>(out.embed);
  set_to_end<&cuda::rms_norm>(out.rms_norm);
  set_to_end<&cuda::add_rms_norm>(out.add_rms_norm);
  set_to_end<&cuda::rope_store_kv>(out.rope_store_kv);
  set_to_end<&cuda::prefill_attention>(out.prefill_attention);
  set_to_end<&cuda::decode_attention>(out.decode_attention);
  set_to_end<&cuda::swiglu>(out.swiglu);
  set_to_end<&cuda::route>(out.route);
  set_to_end<&cuda::sort_by_expert>(out.sort_by_expert);
  set_to_end<&cuda::grouped_linear>(out.grouped_linear);
  set_to_end<&cuda::combine_experts>(out.combine_experts);
  set_to_end<&cuda::argmax>(out.argmax);
  set_to_end<&cuda::embed_part>(out.embed_part);
  set_to_end<&cuda::join_columns>(out.join_columns);
  set_to_end<&cuda::rope_store_latent>(out.rope_store_latent);
  set_to_end<&cuda::latent_attention>(out.latent_attention);
  return out;
}

unsigned seeds() {
  const char* told = std::getenv("PPPLAN_GPU_SEEDS");
  return told != nullptr ? static_cast<unsigned>(std::stoul(told)) : 200;
}

bool has_gpu() {
  int count = 0;
  const bool has = cudaGetDeviceCount(&count) == cudaSuccess && count > 0;
  cudaGetLastError();
  return has;
}

struct Checked {
  const char* name;
  Check check;
};
void PrintTo(const Checked& checked, std::ostream* out) { *out << checked.name; }

class GpuKernels : public testing::TestWithParam<Checked> {};

TEST_P(GpuKernels, EqualTheHost) {
  if (!has_gpu()) GTEST_SKIP() << "no CUDA device";
  for (unsigned seed = 0; seed < seeds(); ++seed) {
    const MappedMemory mapped;
    const std::string difference = GetParam().check(ended_operations(), seed);
    ASSERT_TRUE(difference.empty()) << "seed " << seed << ": " << difference;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Operations, GpuKernels,
    testing::Values(Checked{"Embed", check_embed}, Checked{"RmsNorm", check_rms_norm},
                    Checked{"AddRmsNorm", check_add_rms_norm}, Checked{"RopeStoreKv", check_rope_store_kv},
                    Checked{"Swiglu", check_swiglu}, Checked{"Argmax", check_argmax}, Checked{"Route", check_route},
                    Checked{"SortByExpert", check_sort_by_expert}, Checked{"GroupedLinear", check_grouped_linear},
                    Checked{"CombineExperts", check_combine_experts},
                    Checked{"PrefillAttention", check_prefill_attention},
                    Checked{"DecodeAttention", check_decode_attention}, Checked{"Parts", check_parts},
                    Checked{"RopeStoreLatent", check_rope_store_latent},
                    Checked{"LatentAttention", check_latent_attention}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace ppplan::tests
