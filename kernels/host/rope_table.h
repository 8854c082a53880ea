// Cosines and sines of rotary position embedding: angle(position, i) = position * theta^(-2 i / head_dim), [positions,
// head_dim / 2] each. Source: Su et al., RoFormer; halves are rotated against each other as in the public Llama code.
#pragma once

#include "kernels/host/buffer.h"

namespace ppplan::kernels::host {

class RopeTable {
 public:
  RopeTable() = default;
  RopeTable(double theta, int positions, int head_dim);
  /// Row of a position and those after it.
  const float* cosines(int position) const { return cosines_.data() + at(position); }
  const float* sines(int position) const { return sines_.data() + at(position); }

 private:
  std::size_t at(int position) const { return static_cast<std::size_t>(position) * half_; }
  std::size_t half_ = 0;
  Buffer cosines_;
  Buffer sines_;
};

}  // namespace ppplan::kernels::host
