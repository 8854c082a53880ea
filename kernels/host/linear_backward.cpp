#include "kernels/host/variant.h"

namespace ppplan::kernels::host::PPPLAN_KERNEL_VARIANT::backward {

void linear_input(const float* y_gradient, const float* weight, int rows, int inputs, int outputs, float* x_gradient) {
  Matrix(x_gradient, rows, inputs).noalias() =
      ConstMatrix(y_gradient, rows, outputs) * ConstMatrix(weight, outputs, inputs);
}

void linear_weight(const float* x, const float* y_gradient, int rows, int inputs, int outputs, float* weight_gradient,
                   float* bias_gradient) {
  const ConstMatrix gradient(y_gradient, rows, outputs);
  Matrix(weight_gradient, outputs, inputs).noalias() += gradient.transpose() * ConstMatrix(x, rows, inputs);
  if (bias_gradient == nullptr) return;
  for (int row = 0; row < rows; ++row) {
    Vector(bias_gradient, outputs) += ConstVector(y_gradient + offset_of(row, outputs), outputs);
  }
}

}  // namespace ppplan::kernels::host::PPPLAN_KERNEL_VARIANT::backward
