// Memory that host and GPU both reach. The checks hand plain vectors to the operations; on a double of CUDA that is all
// the memory there is, on a GPU it has to come from the driver.
#pragma once

namespace ppplan::tests {

/// While it lives, what this thread allocates by `new` is memory of the host that is locked and mapped for the GPU, at
/// one address for both (cudaHostAlloc). Kernels reach it over the bus: slow, and good enough for checks. Throws
/// std::bad_alloc where there is none.
class MappedMemory {
 public:
  MappedMemory();
  ~MappedMemory();
  MappedMemory(const MappedMemory&) = delete;
  MappedMemory& operator=(const MappedMemory&) = delete;
};

}  // namespace ppplan::tests
