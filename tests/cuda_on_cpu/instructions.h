// The PTX instructions that kernels/cuda/ptx.h wraps, in plain C++. Layouts of fragments are those of the PTX ISA
// manual: "Warp Level Matrix Multiply-Accumulate Instructions" for mma.m16n8k16 with bf16 and for ldmatrix, "Data
// Movement" for cp.async, "Special Registers" for %globaltimer. A fragment register holds two bf16 values, the one of
// the lower column or row below.
#pragma once

#include <cstdint>

#include "tests/cuda_on_cpu/execution.h"

namespace ppplan::cuda_on_cpu {

/// c [16, 8] += a [16, 16] * b [16, 8] in fp32, across a whole warp.
void mma_bf16(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1,
              const Site& site = Site::current());
/// Four 8 x 8 matrices of 16-bit values; lane i gives the address of row i % 8 of matrix i / 8, on a 16-byte boundary.
void load_matrices(std::uint32_t (&out)[4], const void* row, const Site& site = Site::current());
/// Each matrix transposed.
void load_matrices_transposed(std::uint32_t (&out)[4], const void* row, const Site& site = Site::current());

/// Starts copying 16 bytes to shared memory, or zeros when not `valid`. Both addresses on a 16-byte boundary.
void copy_async(void* to, const void* from, bool valid, const Site& site = Site::current());
inline void copy_commit() { commit_copies(); }
/// Completes all but the kPending newest committed groups of this thread's copies.
template <int kPending>
void copy_wait() {
  wait_copies(kPending);
}

/// A clock that moves on by 32 ns with every look at it, and by what threads sleep.
unsigned long long global_time_ns();
void sleep_ns(unsigned nanoseconds);

}  // namespace ppplan::cuda_on_cpu
