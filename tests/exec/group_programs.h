// Programs of mixed calls drawn from a seed, which every rank runs and checks against what the other ranks must have
// sent: the data of a rank in a step is a function of seed, step and rank.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "exec/group.h"

namespace ppplan::tests {

/// Bytes of a rank in a step.
std::vector<std::byte> drawn_bytes(std::uint64_t seed, int step, int rank, std::size_t size);
/// Floats of very different magnitude, so that a sum's bits depend on the order; integers that overflow.
std::vector<std::byte> drawn_numbers(std::uint64_t seed, int step, int rank, std::size_t count, exec::DataType type);
/// The numbers of ranks 0 .. size - 1 reduced in that order, one element after another.
std::vector<std::byte> reduced(std::uint64_t seed, int step, int size, std::size_t count, exec::DataType type,
                               exec::Reduction reduction);
exec::TensorMap drawn_tensors(std::uint64_t seed, int step, int rank);

/// Throws (see expect) where a result differs.
void run_drawn_program(exec::Group& group, std::uint64_t seed, int steps);

}  // namespace ppplan::tests
