#include "exec/groups/part_world.h"

#include <fmt/format.h>

#include "planner/input/input_error.h"

namespace ppplan::exec::groups {

PartWorld::PartWorld(World& whole, int first, int size) : whole_(whole), first_(first), size_(size) {
  const int rank = whole.rank();
  if (first < 0 || size < 1 || first + size > whole.size() || rank < first || rank >= first + size)
    throw input::InputError(fmt::format("ranks: expected a part of {} that rank {} is in, found {} from {} on",
                                        whole.size(), rank, size, first));
}

std::unique_ptr<Group> PartWorld::group(const std::string& name, const std::vector<int>& ranks) {
  position_in(name, ranks, rank(), size_);
  std::vector<int> of_whole = ranks;
  for (int& rank : of_whole) rank += first_;
  return whole_.group(name, of_whole);
}

// Ranks that `why` names are the part's.
void PartWorld::fail(const std::string& why) {
  whole_.fail(first_ == 0 ? why : fmt::format("{} (counted from rank {} of the run)", why, first_));
}

}  // namespace ppplan::exec::groups
