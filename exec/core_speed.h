// How fast cores are just now, in yardsticks a second: how often they would do one fixed piece of work.
//
// Cores that share silicon with others (SMT siblings, other virtual machines, a power limit) change their speed by a
// fifth for half a minute, each for itself. A profile therefore notes the speed of its cores, taken between its
// operations, and a run holds the speed between its repeats against that.
//
// The work is a transformer layer of no model in particular whose weights have left the caches, run by the code that
// runs every other layer, so that it slows down by what slows those: over five minutes in which layers of 512 tokens
// took 22 to 28 ms, a profile's median was off from what a run saw a minute later by 10 % (root of the mean square),
// corrected by the yardstick by 4.5 %. A product that stays in the caches follows too, but not beside busy neighbours.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "exec/host_probe.h"

namespace ppplan::exec {

/// A yardstick for each of some cores; holds about 35 MB a core.
class Yardsticks {
 public:
  /// Made on the cores themselves, so that their memory is near. Throws InputError for a core that is not allowed.
  explicit Yardsticks(std::vector<int> cores);
  /// [core]: per second of processor time, the median of a few, all cores at once; takes about 0.1 s.
  std::vector<double> per_second();
  /// The same on one core, given by its index, while this leaves the others idle.
  double alone_per_second(std::size_t index);

 private:
  std::vector<double> per_second(const std::vector<std::size_t>& indices);

  std::vector<int> cores_;
  std::vector<std::unique_ptr<HostProbe>> probes_;  // [core]
};

}  // namespace ppplan::exec
