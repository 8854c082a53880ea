// The PTX instructions that the kernels use, each behind one function: mma.sync and ldmatrix across a warp, cp.async,
// the clock that all multiprocessors share. All need compute capability 8.0. Layouts of fragments: PTX ISA manual,
// m16n8k16 with bf16; a register holds two bf16 values. The meaning in plain C++ stands in the double of the execution
// model.
#pragma once

#include "kernels/cuda/platform.h"

namespace ppplan::kernels::cuda {

#if defined(__CUDACC__)

__device__ __forceinline__ unsigned shared_address(const void* at) {
  return static_cast<unsigned>(__cvta_generic_to_shared(at));
}

/// c [16, 8] += a [16, 16] * b [16, 8] in fp32, across a whole warp.
__device__ __forceinline__ void mma_bf16(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/// Four 8 x 8 matrices of 16-bit values; lane i gives the address of row i % 8 of matrix i / 8, on a 16-byte boundary.
__device__ __forceinline__ void load_matrices(unsigned (&out)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
               : "r"(shared_address(row))
               : "memory");
}

/// Each matrix transposed.
__device__ __forceinline__ void load_matrices_transposed(unsigned (&out)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
               : "r"(shared_address(row))
               : "memory");
}

/// Starts copying 16 bytes to shared memory, or zeros when not `valid`. Both addresses on a 16-byte boundary.
__device__ __forceinline__ void copy_async(void* to, const void* from, bool valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
               :
               : "r"(shared_address(to)), "l"(__cvta_generic_to_global(from)), "r"(valid ? 16 : 0)
               : "memory");
}
__device__ __forceinline__ void copy_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
/// Completes all but the kPending newest committed groups of this thread's copies.
template <int kPending>
__device__ __forceinline__ void copy_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}

/// Nanoseconds on a clock of the whole GPU. How often it moves on is the GPU's business: from 32 ns to a microsecond.
__device__ __forceinline__ unsigned long long global_time_ns() {
  unsigned long long now;
  asm volatile("mov.u64 %0, %globaltimer;" : "=l"(now)::"memory");
  return now;
}
/// Leaves the multiprocessor to others for about that long: at most twice, at most a millisecond.
__device__ __forceinline__ void sleep_ns(unsigned nanoseconds) {
  asm volatile("nanosleep.u32 %0;" ::"r"(nanoseconds) : "memory");
}

#else

using cuda_on_cpu::copy_async;
using cuda_on_cpu::copy_commit;
using cuda_on_cpu::copy_wait;
using cuda_on_cpu::global_time_ns;
using cuda_on_cpu::load_matrices;
using cuda_on_cpu::load_matrices_transposed;
using cuda_on_cpu::mma_bf16;
using cuda_on_cpu::sleep_ns;

#endif

/// Two values rounded to bf16, the first in the lower half.
inline __device__ unsigned pack_bf16(float low, float high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  unsigned out;
  memcpy(&out, &pair, sizeof out);
  return out;
}

}  // namespace ppplan::kernels::cuda
