// Some ranks of a run as a run of their own: a replica of a plan, whose ranks have nothing to do with the others but
// that they fail together.
#pragma once

#include "exec/groups/world.h"

namespace ppplan::exec::groups {

/// Ranks [first, first + size) of `whole`, which outlives it and this rank is one of; they are numbered from 0 on.
/// Groups and failures are those of `whole`, whose numbers its messages name beside the part's.
class PartWorld : public World {
 public:
  /// Throws InputError for a part that is not in the run or that this rank is not in.
  PartWorld(World& whole, int first, int size);
  int rank() const override { return whole_.rank() - first_; }
  int size() const override { return size_; }
  std::unique_ptr<Group> group(const std::string& name, const std::vector<int>& ranks) override;
  void fail(const std::string& why) override;
  std::optional<std::string> failure() const override { return whole_.failure(); }

 private:
  World& whole_;
  int first_;
  int size_;
};

}  // namespace ppplan::exec::groups
