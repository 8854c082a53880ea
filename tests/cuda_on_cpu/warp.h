// Exchanges between the lanes of a warp: shuffles, votes and the warp's barrier. A lane that reads from one outside of
// the mask, which CUDA leaves undefined, ends the launch.
#pragma once

#include <string>

#include "tests/cuda_on_cpu/execution.h"

namespace ppplan::cuda_on_cpu {

template <typename T>
struct Shuffled {
  T value;
  int from;  // lane
  T result;
};

template <typename T>
void combine_shuffle(const Lanes& lanes) {
  for (int lane = 0; lane < 32; ++lane) {
    if (!lanes.has(lane)) continue;
    auto& mine = *static_cast<Shuffled<T>*>(lanes.operand[lane]);
    if (!lanes.has(mine.from))
      fail("lane " + std::to_string(lane) + " reads from lane " + std::to_string(mine.from) + ", outside of the mask");
    mine.result = static_cast<Shuffled<T>*>(lanes.operand[mine.from])->value;
  }
}

template <typename T>
T shuffle(const char* name, unsigned mask, T value, int from, const Site& site) {
  Shuffled<T> mine{value, from, value};
  meet(name, mask, &mine, &combine_shuffle<T>, site);
  return mine.result;
}

struct Vote {
  bool holds;
  unsigned ballot;
};
inline void combine_vote(const Lanes& lanes) {
  unsigned ballot = 0;
  for (int lane = 0; lane < 32; ++lane)
    if (lanes.has(lane) && static_cast<Vote*>(lanes.operand[lane])->holds) ballot |= 1u << lane;
  for (int lane = 0; lane < 32; ++lane)
    if (lanes.has(lane)) static_cast<Vote*>(lanes.operand[lane])->ballot = ballot;
}
inline unsigned vote(const char* name, unsigned mask, bool holds, const Site& site) {
  Vote mine{holds, 0};
  meet(name, mask, &mine, &combine_vote, site);
  return mine.ballot;
}

/// The lane at `target` where it lies in the same segment of `width` lanes as `lane`, else `lane` itself.
inline int in_segment(int lane, int target, int width) {
  return target >= 0 && target / width == lane / width ? target : lane;
}

}  // namespace ppplan::cuda_on_cpu

template <typename T>
T __shfl_sync(unsigned mask, T value, int from, int width = 32,
              const ppplan::cuda_on_cpu::Site& site = ppplan::cuda_on_cpu::Site::current()) {
  const int lane = ppplan::cuda_on_cpu::lane_index();
  return ppplan::cuda_on_cpu::shuffle("__shfl_sync", mask, value, lane / width * width + (from & (width - 1)), site);
}
template <typename T>
T __shfl_up_sync(unsigned mask, T value, int delta, int width = 32,
                 const ppplan::cuda_on_cpu::Site& site = ppplan::cuda_on_cpu::Site::current()) {
  const int lane = ppplan::cuda_on_cpu::lane_index();
  const int from = ppplan::cuda_on_cpu::in_segment(lane, lane - delta, width);
  return ppplan::cuda_on_cpu::shuffle("__shfl_up_sync", mask, value, from, site);
}
template <typename T>
T __shfl_down_sync(unsigned mask, T value, int delta, int width = 32,
                   const ppplan::cuda_on_cpu::Site& site = ppplan::cuda_on_cpu::Site::current()) {
  const int lane = ppplan::cuda_on_cpu::lane_index();
  const int from = ppplan::cuda_on_cpu::in_segment(lane, lane + delta, width);
  return ppplan::cuda_on_cpu::shuffle("__shfl_down_sync", mask, value, from, site);
}
/// CUDA lets a lane read from an earlier segment, not from a later one.
template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32,
                  const ppplan::cuda_on_cpu::Site& site = ppplan::cuda_on_cpu::Site::current()) {
  const int lane = ppplan::cuda_on_cpu::lane_index();
  const int from = lane ^ lane_mask;
  return ppplan::cuda_on_cpu::shuffle("__shfl_xor_sync", mask, value, from / width > lane / width ? lane : from, site);
}
inline unsigned __ballot_sync(unsigned mask, bool holds,
                              const ppplan::cuda_on_cpu::Site& site = ppplan::cuda_on_cpu::Site::current()) {
  return ppplan::cuda_on_cpu::vote("__ballot_sync", mask, holds, site);
}
inline bool __any_sync(unsigned mask, bool holds,
                       const ppplan::cuda_on_cpu::Site& site = ppplan::cuda_on_cpu::Site::current()) {
  return ppplan::cuda_on_cpu::vote("__any_sync", mask, holds, site) != 0;
}
inline bool __all_sync(unsigned mask, bool holds,
                       const ppplan::cuda_on_cpu::Site& site = ppplan::cuda_on_cpu::Site::current()) {
  return ppplan::cuda_on_cpu::vote("__all_sync", mask, holds, site) == mask;
}
inline void __syncwarp(unsigned mask = 0xffffffffu,
                       const ppplan::cuda_on_cpu::Site& site = ppplan::cuda_on_cpu::Site::current()) {
  ppplan::cuda_on_cpu::vote("__syncwarp", mask, true, site);
}
