#include "planner/spec/dtype.h"

#include <array>

namespace ppplan::spec {
namespace {

struct Format {
  DType dtype;
  std::string_view name;
  double bytes;
};

constexpr std::array<Format, 10> formats = {{
    {DType::fp32, "fp32", 4},
    {DType::bf16, "bf16", 2},
    {DType::fp16, "fp16", 2},
    {DType::fp8, "fp8", 1},
    {DType::int8, "int8", 1},
    {DType::int4, "int4", 0.51953125},
    {DType::int4_g32, "int4-g32", 0.5625},
    {DType::int4_g32_zeros, "int4-g32-zeros", 0.578125},
    {DType::nvfp4, "nvfp4", 0.5625},
    {DType::mxfp4, "mxfp4", 0.53125},
}};

const Format& format(DType dtype) { return formats[static_cast<std::size_t>(dtype)]; }

}  // namespace

std::string_view name(DType dtype) { return format(dtype).name; }

std::optional<DType> dtype(std::string_view name) {
  for (const Format& known : formats)
    if (known.name == name) return known.dtype;
  return std::nullopt;
}

double bytes_per_element(DType dtype) { return format(dtype).bytes; }

DType family(DType dtype) { return dtype == DType::int4_g32 || dtype == DType::int4_g32_zeros ? DType::int4 : dtype; }

bool is_quantized(DType dtype) { return dtype != DType::bf16 && dtype != DType::fp16 && dtype != DType::fp32; }

}  // namespace ppplan::spec
