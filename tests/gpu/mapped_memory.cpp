#include "tests/gpu/mapped_memory.h"

#include <cuda_runtime_api.h>

#include <cstdlib>
#include <new>

namespace {

thread_local bool is_mapped = false;

// Before every block stands how to free it, in as much room as keeps the block on the boundary of device memory.
constexpr std::size_t kBoundary = 256;
enum class Kind : int { plain, mapped };

}  // namespace

void* operator new(std::size_t bytes) {
  const std::size_t whole = (bytes + 2 * kBoundary - 1) / kBoundary * kBoundary;
  void* block = nullptr;
  if (is_mapped) {
    if (cudaHostAlloc(&block, whole, cudaHostAllocMapped) != cudaSuccess) throw std::bad_alloc();
  } else {
    block = std::aligned_alloc(kBoundary, whole);
    if (block == nullptr) throw std::bad_alloc();
  }
  *static_cast<Kind*>(block) = is_mapped ? Kind::mapped : Kind::plain;
  return static_cast<char*>(block) + kBoundary;
}

void operator delete(void* memory) noexcept {
  if (memory == nullptr) return;
  void* const block = static_cast<char*>(memory) - kBoundary;
  if (*static_cast<Kind*>(block) == Kind::mapped)
    cudaFreeHost(block);
  else
    std::free(block);
}
void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }

namespace ppplan::tests {

MappedMemory::MappedMemory() { is_mapped = true; }
MappedMemory::~MappedMemory() { is_mapped = false; }

}  // namespace ppplan::tests
