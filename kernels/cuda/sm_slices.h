// Slices of one GPU's multiprocessors, disjoint, each for the kernels of its own streams: one GPU as several unequal
// devices. Memory, its bandwidth and the second-level cache stay shared.
//
// The driver cuts all multiprocessors once into groups of the least size (8 on compute capability 9.0; the last ones
// may be left over), and a slice is as many groups as it takes: parts of two different cuts could overlap.
#pragma once

#include <memory>
#include <vector>

#include "kernels/cuda/owners.h"

namespace ppplan::kernels::cuda {

class SmSlices {
 public:
  /// Slice i has `processors[i]` multiprocessors of `gpu`, rounded up to whole groups. Throws SlicesRefused
  /// (slices_refused.h) where the driver has no slices or the GPU not as many multiprocessors, DeviceError.
  SmSlices(int gpu, const std::vector<int>& processors);
  /// Its streams are gone.
  ~SmSlices();
  std::size_t size() const;
  /// That slice i has.
  int processors(std::size_t i) const;
  /// Like make_stream of owners.h, for kernels that run on slice i alone.
  Stream make_stream(std::size_t i, Urgency urgency) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ppplan::kernels::cuda
