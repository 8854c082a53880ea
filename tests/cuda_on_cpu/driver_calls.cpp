// A double of the driver's green contexts, found by name through the runtime as the backend finds them. Groups of two
// cuts don't mix, no group belongs to two contexts (a real driver allows it: slices would overlap unseen), and a
// context outlives its streams.
#include <cuda.h>
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "tests/cuda_on_cpu/queues.h"

namespace ppplan::cuda_on_cpu {
namespace {

/// What the double writes into a resource's own bytes.
struct Mark {
  int cut = 0;    // which cut it comes from; 0 of a whole device
  int group = 0;  // of that cut
};
Mark mark_of(const CUdevResource& resource) {
  Mark mark;
  std::memcpy(&mark, resource._internal_padding, sizeof mark);
  return mark;
}

CUdevResource resource_of(unsigned processors, const Mark& mark) {
  CUdevResource out;
  std::memset(&out, 0, sizeof out);
  out.type = CU_DEV_RESOURCE_TYPE_SM;
  const auto least = static_cast<unsigned>(runtime().shape.slice_processors);
  out.sm = {processors, least, least};
  std::memcpy(out._internal_padding, &mark, sizeof mark);
  return out;
}

struct Description {
  int processors = 0;
  std::vector<std::pair<int, int>> groups;  // (cut, group)
};

template <typename Body>
CUresult call(const char* name, Body body) {
  const MachineLock lock;
  if (const int error = runtime().enter(name); error != 0) return static_cast<CUresult>(error);
  return body(runtime());
}

CUresult get_error_name(CUresult result, const char** name) {
  *name = result == CUDA_ERROR_INVALID_RESOURCE_CONFIGURATION ? "CUDA_ERROR_INVALID_RESOURCE_CONFIGURATION"
                                                              : "another CUresult";
  return CUDA_SUCCESS;
}
CUresult get_device(CUdevice* out, int ordinal) {
  *out = ordinal;
  return CUDA_SUCCESS;
}
CUresult get_resource(CUdevice, CUdevResource* out, CUdevResourceType) {
  return call("cuDeviceGetDevResource", [&](Runtime& machine) {
    *out = resource_of(static_cast<unsigned>(machine.shape.processors), {});
    return CUDA_SUCCESS;
  });
}
CUresult split(CUdevResource* groups, unsigned* count, const CUdevResource* whole, CUdevResource*, unsigned,
               unsigned least) {
  return call("cuDevSmResourceSplitByCount", [&](Runtime& machine) {
    if (mark_of(*whole).cut != 0) return CUDA_ERROR_INVALID_RESOURCE_CONFIGURATION;
    const unsigned possible = whole->sm.smCount / least;
    *count = groups == nullptr ? possible : std::min(*count, possible);
    if (groups == nullptr) return CUDA_SUCCESS;
    ++machine.cuts;
    for (unsigned g = 0; g < *count; ++g) groups[g] = resource_of(least, {machine.cuts, static_cast<int>(g)});
    return CUDA_SUCCESS;
  });
}
CUresult describe(CUdevResourceDesc* out, CUdevResource* groups, unsigned count) {
  return call("cuDevResourceGenerateDesc", [&](Runtime& machine) {
    Description made;
    for (unsigned g = 0; g < count; ++g) {
      const Mark mark = mark_of(groups[g]);
      if (mark.cut == 0 || mark.cut != mark_of(groups[0]).cut) return CUDA_ERROR_INVALID_RESOURCE_CONFIGURATION;
      made.groups.emplace_back(mark.cut, mark.group);
      made.processors += static_cast<int>(groups[g].sm.smCount);
    }
    machine.descriptions.push_back(std::make_shared<Description>(made));  // nothing frees one
    *out = reinterpret_cast<CUdevResourceDesc>(machine.descriptions.back().get());
    return CUDA_SUCCESS;
  });
}
CUresult create(CUgreenCtx* out, CUdevResourceDesc description, CUdevice on, unsigned flags) {
  return call("cuGreenCtxCreate", [&](Runtime& machine) {
    const auto* const from = reinterpret_cast<Description*>(description);
    if (flags != CU_GREEN_CTX_DEFAULT_STREAM) return CUDA_ERROR_INVALID_VALUE;
    for (const auto& group : from->groups)
      if (!machine.sliced_groups.insert({on, group}).second) return CUDA_ERROR_INVALID_RESOURCE_CONFIGURATION;
    auto* const made = new SliceDouble{on, from->processors, from->groups};
    machine.slices.insert(made);
    *out = reinterpret_cast<CUgreenCtx>(made);
    return CUDA_SUCCESS;
  });
}
CUresult destroy(CUgreenCtx context) {
  return call("cuGreenCtxDestroy", [&](Runtime& machine) {
    auto* const it = reinterpret_cast<SliceDouble*>(context);
    if (!machine.slices.contains(it)) return CUDA_ERROR_INVALID_CONTEXT;
    for (const StreamDouble* stream : machine.streams)
      if (stream->slice == it) return CUDA_ERROR_INVALID_CONTEXT;
    for (const auto& group : it->groups) machine.sliced_groups.erase({it->device, group});
    machine.slices.erase(it);
    delete it;
    return CUDA_SUCCESS;
  });
}
CUresult make_stream(CUstream* out, CUgreenCtx context, unsigned flags, int) {
  return call("cuGreenCtxStreamCreate", [&](Runtime& machine) {
    auto* const it = reinterpret_cast<SliceDouble*>(context);
    if (!machine.slices.contains(it)) return CUDA_ERROR_INVALID_CONTEXT;
    if (flags != CU_STREAM_NON_BLOCKING) return CUDA_ERROR_INVALID_VALUE;
    *out = reinterpret_cast<CUstream>(machine.make_stream(it->device, it));
    return CUDA_SUCCESS;
  });
}

struct Named {
  const char* name;
  void* function;
};
template <typename Function>
void* address(Function function) {
  return reinterpret_cast<void*>(function);
}

}  // namespace
}  // namespace ppplan::cuda_on_cpu

using namespace ppplan::cuda_on_cpu;

extern "C" cudaError_t cudaGetDriverEntryPointByVersion(const char* symbol, void** out, unsigned, unsigned long long,
                                                        cudaDriverEntryPointQueryResult* answer) {
  static const Named kKnown[] = {
      {"cuGetErrorName", address(get_error_name)},       {"cuDeviceGet", address(get_device)},
      {"cuDeviceGetDevResource", address(get_resource)}, {"cuDevSmResourceSplitByCount", address(split)},
      {"cuDevResourceGenerateDesc", address(describe)},  {"cuGreenCtxCreate", address(create)},
      {"cuGreenCtxDestroy", address(destroy)},           {"cuGreenCtxStreamCreate", address(make_stream)}};
  const MachineLock lock;
  *out = nullptr;
  *answer = cudaDriverEntryPointSymbolNotFound;
  if (const int error = runtime().enter("cudaGetDriverEntryPointByVersion"); error != 0)
    return static_cast<cudaError_t>(error);
  for (const Named& known : kKnown) {
    // A driver from before green contexts has the first two.
    const bool is_old = std::string(known.name) == "cuGetErrorName" || std::string(known.name) == "cuDeviceGet";
    if (std::string(symbol) != known.name || (runtime().shape.slice_processors == 0 && !is_old)) continue;
    *out = known.function;
    *answer = cudaDriverEntryPointSuccess;
  }
  return cudaSuccess;
}
