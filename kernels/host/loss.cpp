// The ends of a training step: what the loss and the routing hand back, and the optimizer.
#include <cmath>

#include "kernels/host/variant.h"

namespace ppplan::kernels::host::PPPLAN_KERNEL_VARIANT::backward {

void route(const int* expert, const float* weight, const float* weight_gradient, int tokens, int experts, int chosen,
           float* logit_gradient) {
  for (int token = 0; token < tokens; ++token) {
    const std::size_t at = offset_of(token, chosen);
    const ConstVector weights(weight + at, chosen), gradients(weight_gradient + at, chosen);
    const float mean = (weights * gradients).sum();
    Vector out(logit_gradient + offset_of(token, experts), experts);
    out.setZero();
    for (int i = 0; i < chosen; ++i) out[expert[at + static_cast<std::size_t>(i)]] = weights[i] * (gradients[i] - mean);
  }
}

void cross_entropy(float* logits, const int* target, int rows, int vocabulary, float scale, float* loss) {
  for (int row = 0; row < rows; ++row) {
    Vector line(logits + offset_of(row, vocabulary), vocabulary);
    const float largest = line.maxCoeff(), at_target = line[target[row]];
    line = (line - largest).exp();
    const float sum = line.sum();
    loss[row] = std::log(sum) + largest - at_target;
    line *= scale / sum;
    line[target[row]] -= scale;
  }
}

void adamw(float* weight, const float* gradient, float* mean, float* square, std::size_t count, const AdamW& options,
           int step) {
  const auto size = static_cast<::Eigen::Index>(count);
  const ConstVector g(gradient, size);
  Vector w(weight, size), m(mean, size), v(square, size);
  const float mean_part = 1.0f - static_cast<float>(std::pow(static_cast<double>(options.beta1), step));
  const float square_part = 1.0f - static_cast<float>(std::pow(static_cast<double>(options.beta2), step));
  m = options.beta1 * m + (1.0f - options.beta1) * g;
  v = options.beta2 * v + (1.0f - options.beta2) * g.square();
  w -= options.rate * (m / mean_part / ((v / square_part).sqrt() + options.epsilon) + options.decay * w);
}

}  // namespace ppplan::kernels::host::PPPLAN_KERNEL_VARIANT::backward
