#include "kernels/cuda/sm_slices.h"

#include "kernels/cuda/driver_calls.h"

namespace ppplan::kernels::cuda {

#if PPPLAN_HAS_GREEN_CONTEXTS

namespace {

constexpr unsigned kWholeGroups = 0;  // of multiprocessors that clusters of blocks can use together

int priority_of(Urgency urgency) {
  int lowest = 0, highest = 0;
  PPPLAN_CHECK(cudaDeviceGetStreamPriorityRange(&lowest, &highest));
  return urgency == Urgency::high ? highest : lowest;
}

}  // namespace

struct SmSlices::State {
  State(int on, const std::vector<int>& asked) : gpu(on), calls(driver_calls()) {
    const DeviceScope scope(gpu);
    PPPLAN_CHECK(cudaFree(nullptr));  // makes the GPU's context
    PPPLAN_CHECK_DRIVER(calls, cuDeviceGet(&device, gpu));
    std::vector<CUdevResource> groups = cut();
    std::size_t next = 0;
    try {
      for (const int processors : asked) next = add(groups, next, processors);
    } catch (...) {
      destroy();
      throw;
    }
  }
  ~State() { destroy(); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  std::vector<CUdevResource> cut() {
    CUdevResource whole;
    PPPLAN_CHECK_DRIVER(calls, cuDeviceGetDevResource(device, &whole, CU_DEV_RESOURCE_TYPE_SM));
    total = static_cast<int>(whole.sm.smCount);
    const unsigned least = whole.sm.minSmPartitionSize;
    unsigned count = 0;
    PPPLAN_CHECK_DRIVER(calls, cuDevSmResourceSplitByCount(nullptr, &count, &whole, nullptr, kWholeGroups, least));
    std::vector<CUdevResource> groups(count);
    CUdevResource rest;
    PPPLAN_CHECK_DRIVER(calls, cuDevSmResourceSplitByCount(groups.data(), &count, &whole, &rest, kWholeGroups, least));
    groups.resize(count);
    return groups;
  }

  // Returns the first group that is left.
  std::size_t add(std::vector<CUdevResource>& groups, std::size_t first, int asked) {
    std::size_t end = first;
    int granted = 0;
    for (; end < groups.size() && granted < asked; ++end) granted += static_cast<int>(groups[end].sm.smCount);
    if (granted < asked || asked < 1)
      throw SlicesRefused("a slice of " + std::to_string(asked) + " multiprocessors: the GPU has " +
                          std::to_string(total) + ", in " + std::to_string(groups.size()) + " groups, of which " +
                          std::to_string(groups.size() - first) + " are left");
    CUdevResourceDesc description = nullptr;
    PPPLAN_CHECK_DRIVER(
        calls, cuDevResourceGenerateDesc(&description, groups.data() + first, static_cast<unsigned>(end - first)));
    CUgreenCtx context = nullptr;
    PPPLAN_CHECK_DRIVER(calls, cuGreenCtxCreate(&context, description, device, CU_GREEN_CTX_DEFAULT_STREAM));
    contexts.push_back(context);
    counts.push_back(granted);
    return end;
  }

  void destroy() {
    for (const CUgreenCtx context : contexts) calls.cuGreenCtxDestroy(context);
    contexts.clear();
  }

  int gpu;
  DriverCalls calls;
  CUdevice device = 0;
  int total = 0;
  std::vector<CUgreenCtx> contexts;  // [slice]
  std::vector<int> counts;           // [slice]
};

Stream SmSlices::make_stream(std::size_t i, Urgency urgency) const {
  const DeviceScope scope(state_->gpu);
  CUstream stream = nullptr;
  PPPLAN_CHECK_DRIVER(state_->calls, cuGreenCtxStreamCreate(&stream, state_->contexts.at(i), CU_STREAM_NON_BLOCKING,
                                                            priority_of(urgency)));
  return Stream(stream);
}

#else

struct SmSlices::State {
  State(int, const std::vector<int>&) {
    throw SlicesRefused("slices of a GPU: this build's CUDA toolkit is older than 12.5 and knows no green contexts");
  }
  std::vector<int> counts;
};

Stream SmSlices::make_stream(std::size_t, Urgency) const { return {}; }

#endif

SmSlices::SmSlices(int gpu, const std::vector<int>& processors) : state_(std::make_unique<State>(gpu, processors)) {}
SmSlices::~SmSlices() = default;
std::size_t SmSlices::size() const { return state_->counts.size(); }
int SmSlices::processors(std::size_t i) const { return state_->counts.at(i); }

}  // namespace ppplan::kernels::cuda
