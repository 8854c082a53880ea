#include "kernels/host/rope_table.h"

#include <cmath>

namespace ppplan::kernels::host {

RopeTable::RopeTable(double theta, int positions, int head_dim)
    : half_(static_cast<std::size_t>(head_dim / 2)),
      cosines_(static_cast<std::size_t>(positions) * half_),
      sines_(static_cast<std::size_t>(positions) * half_) {
  for (std::size_t i = 0; i < half_; ++i) {
    const double frequency = std::pow(theta, -2.0 * static_cast<double>(i) / head_dim);
    for (int position = 0; position < positions; ++position) {
      cosines_.data()[at(position) + i] = static_cast<float>(std::cos(position * frequency));
      sines_.data()[at(position) + i] = static_cast<float>(std::sin(position * frequency));
    }
  }
}

}  // namespace ppplan::kernels::host
