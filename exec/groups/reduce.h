// Element-wise reduction of arrays that arrived as bytes, on no particular boundary.
#pragma once

#include <cstddef>
#include <span>

#include "exec/group.h"

namespace ppplan::exec::groups {

/// Bytes of one element.
std::size_t element_bytes(DataType type);

/// into[i] = into[i] (+, max, min) from[i]. Integers wrap around; max and min keep `into` where an operand is not a
/// number. Both spans have the same size.
void reduce(std::span<std::byte> into, std::span<const std::byte> from, DataType type, Reduction reduction);

/// Throws GroupError for bytes and for a size that holds no whole number of elements.
void check_reducible(std::size_t bytes, DataType type);

}  // namespace ppplan::exec::groups
