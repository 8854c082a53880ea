#include "planner/cost/roofline.h"

#include <algorithm>

namespace ppplan::cost {

double peak_flops_per_s(const spec::Device& device, spec::DType dtype) {
  const double half = std::max(device.bf16_flops_per_s, device.fp16_flops_per_s);
  switch (dtype) {
    case spec::DType::fp8:
      return std::max(device.fp8_flops_per_s, half);
    case spec::DType::int8:
      return std::max(device.int8_flops_per_s, half);
    case spec::DType::nvfp4:
      return std::max(device.fp4_flops_per_s, half);
    case spec::DType::fp16:
      return device.fp16_flops_per_s > 0 ? device.fp16_flops_per_s : half;
    default:
      return half;
  }
}

double roofline_s(const spec::Device& device, spec::DType dtype, double flops, double bytes) {
  const double compute_s = flops / (roofline_compute_efficiency * peak_flops_per_s(device, dtype));
  const double memory_s = bytes / (roofline_memory_efficiency * device.memory_bytes_per_s);
  return std::max(compute_s, memory_s) + roofline_launch_s;
}

double traffic_s(const spec::Device& device, double bytes) {
  return bytes / (roofline_memory_efficiency * device.memory_bytes_per_s) + 2e-6;
}

}  // namespace ppplan::cost
