// Memory of a table that is filled once from end to end, and large: a schedule of 128 ranks and 1,024 micro-batches has
// 200 MB of ops, and to make their pages took longer than to fill them.
#pragma once

#include <atomic>
#include <cstddef>
#include <thread>

namespace ppplan::schedule {

/// While it lives, pages of the memory are made by a thread beside its owner, from the end on, and large ones where the
/// system has them: a wish, which changes no result. Small tables are left alone.
class LargePages {
 public:
  /// The `bytes` from `memory` on outlive it; none of them was touched yet.
  LargePages(void* memory, std::size_t bytes);
  ~LargePages();
  LargePages(const LargePages&) = delete;
  LargePages& operator=(const LargePages&) = delete;

 private:
  std::atomic<bool> stops_ = false;
  std::thread maker_;
};

}  // namespace ppplan::schedule
