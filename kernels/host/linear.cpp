#include "kernels/host/variant.h"

namespace ppplan::kernels::host::PPPLAN_KERNEL_VARIANT {

void linear(const float* x, const float* weight, const float* bias, int rows, int inputs, int outputs, float* out) {
  Matrix result(out, rows, outputs);
  result.noalias() = ConstMatrix(x, rows, inputs) * ConstMatrix(weight, outputs, inputs).transpose();
  if (bias != nullptr) result.array().rowwise() += ConstVector(bias, outputs).transpose();
}

}  // namespace ppplan::kernels::host::PPPLAN_KERNEL_VARIANT
