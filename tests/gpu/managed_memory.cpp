#include "tests/gpu/managed_memory.h"

#include <cuda_runtime_api.h>

#include <cstdlib>
#include <new>

namespace {

thread_local bool is_managed = false;

// Before every block stands how to free it, in as much room as keeps the block on the boundary of device memory.
constexpr std::size_t kBoundary = 256;
enum class Kind : int { plain, managed };

}  // namespace

void* operator new(std::size_t bytes) {
  const std::size_t whole = (bytes + 2 * kBoundary - 1) / kBoundary * kBoundary;
  void* block = nullptr;
  if (is_managed) {
    if (cudaMallocManaged(&block, whole) != cudaSuccess) throw std::bad_alloc();
  } else {
    block = std::aligned_alloc(kBoundary, whole);
    if (block == nullptr) throw std::bad_alloc();
  }
  *static_cast<Kind*>(block) = is_managed ? Kind::managed : Kind::plain;
  return static_cast<char*>(block) + kBoundary;
}

void operator delete(void* memory) noexcept {
  if (memory == nullptr) return;
  void* const block = static_cast<char*>(memory) - kBoundary;
  if (*static_cast<Kind*>(block) == Kind::managed)
    cudaFree(block);
  else
    std::free(block);
}
void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }

namespace ppplan::tests {

ManagedMemory::ManagedMemory() { is_managed = true; }
ManagedMemory::~ManagedMemory() { is_managed = false; }

}  // namespace ppplan::tests
