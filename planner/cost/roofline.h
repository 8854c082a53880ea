// The roofline that stands in for a measurement:
//
//   seconds = max(F / (0.60 * peak), B / (0.80 * memory bandwidth)) + 3 us
//
// for an operation of F floating-point operations and B bytes of memory traffic. The efficiencies and the launch gap
// are assumed, typical of large dense kernels; on measured GEMM and attention tables this form misses by 10 to 30 % in
// the median and by 50 to 160 % at the 90th percentile (traces/profiles/README.md), so its stated error is 50 %.
#pragma once

#include "planner/spec/cluster_spec.h"
#include "planner/spec/dtype.h"

namespace ppplan::cost {

inline constexpr double roofline_compute_efficiency = 0.60;
inline constexpr double roofline_memory_efficiency = 0.80;
inline constexpr double roofline_launch_s = 3e-6;
inline constexpr double roofline_relative_error = 0.50;

/// Dense peak rate for matrices in `dtype`. Formats that the card can't multiply run at the 16-bit rate (weights are
/// expanded first), as engines do for int4 and for fp8 on older cards.
double peak_flops_per_s(const spec::Device& device, spec::DType dtype);
double roofline_s(const spec::Device& device, spec::DType dtype, double flops, double bytes);
/// Memory traffic alone: bytes / (0.80 * bandwidth) + 2 us, for norms, rotary embedding and activation functions.
double traffic_s(const spec::Device& device, double bytes);

}  // namespace ppplan::cost
