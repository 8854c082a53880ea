// The driver, the GPU or this build's toolkit has no slices as they are asked for. Needs no toolkit.
#pragma once

#include <stdexcept>

namespace ppplan::kernels::cuda {

class SlicesRefused : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace ppplan::kernels::cuda
