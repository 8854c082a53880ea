// Rows of bf16 read and written 16 bytes at a time where width and addresses allow, else one value at a time.
#pragma once

#include <cstdint>
#include <initializer_list>

#include "kernels/cuda/operations.h"
#include "kernels/cuda/platform.h"

namespace ppplan::kernels::cuda {

inline constexpr int kWidePack = 8;  // values in 16 bytes

template <int kValues>
struct alignas(2 * kValues) Pack {
  Bf16 value[kValues];
};

template <int kValues>
__device__ __forceinline__ Pack<kValues> load_pack(const Bf16* row, int index) {
  return reinterpret_cast<const Pack<kValues>*>(row)[index];
}
template <int kValues>
__device__ __forceinline__ void store_pack(Bf16* row, int index, const Pack<kValues>& pack) {
  reinterpret_cast<Pack<kValues>*>(row)[index] = pack;
}

/// Whether rows of `width` values that start at these addresses can be read in wide packs.
inline bool takes_wide_packs(int width, std::initializer_list<const void*> addresses) {
  if (width % kWidePack != 0) return false;
  for (const void* address : addresses)
    if (reinterpret_cast<std::uintptr_t>(address) % sizeof(Pack<kWidePack>) != 0) return false;
  return true;
}

/// Threads for rows of `packs`: whole warps, at most `most`.
inline unsigned threads_for(int packs, int most) {
  const int warps = divide_up(packs, kWarp) * kWarp;
  return static_cast<unsigned>(warps < most ? warps : most);
}

}  // namespace ppplan::kernels::cuda
