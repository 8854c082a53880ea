#include "planner/schedule/large_pages.h"

#include <sys/mman.h>

#include <cstdint>

namespace ppplan::schedule {

namespace {

constexpr std::uintptr_t kPage = std::uintptr_t{2} << 20;  // of x86-64 and ARM, large
constexpr std::uintptr_t kPagesAtOnce = 4;
constexpr std::uintptr_t kFewest = 8;  // pages that are worth a thread
#ifndef MADV_POPULATE_WRITE
constexpr int MADV_POPULATE_WRITE = 23;  // Linux 5.14; older ones answer EINVAL
#endif

void make_pages(std::uintptr_t first, std::uintptr_t last, const std::atomic<bool>& stops) {
  while (first < last && !stops.load(std::memory_order_relaxed)) {
    const std::uintptr_t from = last - first > kPagesAtOnce * kPage ? last - kPagesAtOnce * kPage : first;
    if (madvise(reinterpret_cast<void*>(from), last - from, MADV_POPULATE_WRITE) != 0) return;
    last = from;
  }
}

}  // namespace

LargePages::LargePages(void* memory, std::size_t bytes) {
  const auto begin = reinterpret_cast<std::uintptr_t>(memory);
  const std::uintptr_t first = (begin + kPage - 1) / kPage * kPage, last = (begin + bytes) / kPage * kPage;
  if (first + kFewest * kPage > last) return;
  madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
  maker_ = std::thread([this, first, last] { make_pages(first, last, stops_); });
}

LargePages::~LargePages() {
  stops_ = true;
  if (maker_.joinable()) maker_.join();
}

}  // namespace ppplan::schedule
