// Memory that host and GPU both reach. The checks hand plain vectors to the operations; on a double of CUDA that is all
// the memory there is, on a GPU it has to come from the driver.
#pragma once

namespace ppplan::tests {

/// While it lives, what this thread allocates by `new` is managed memory (cudaMallocManaged). Throws std::bad_alloc
/// where there is none.
class ManagedMemory {
 public:
  ManagedMemory();
  ~ManagedMemory();
  ManagedMemory(const ManagedMemory&) = delete;
  ManagedMemory& operator=(const ManagedMemory&) = delete;
};

}  // namespace ppplan::tests
