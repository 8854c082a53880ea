// The double of the execution model itself: what is right runs right under every order, and each fault it claims to see
// is seen.
#include "tests/cuda_on_cpu/execution.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <set>
#include <vector>

#include "tests/cuda_on_cpu/cuda_on_cpu.h"

namespace ppplan::cuda_on_cpu {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr unsigned kAll = 0xffffffffu;

/// What a launch fails with, or "".
template <typename... Parameters, typename... Arguments>
std::string failure_of(void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t bytes,
                       Arguments... arguments) {
  try {
    launch(kernel, grid, block, bytes, nullptr, arguments...);
  } catch (const ExecutionError& error) {
    return error.what();
  }
  return "";
}

__global__ void name_threads(int* seen) {
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  seen[block * blockDim.x * blockDim.y * blockDim.z + thread] += 1;
}

TEST(CudaExecution, RunsEveryThreadOfEveryBlockOnce) {
  std::vector<int> seen(3 * 2 * 2 * 4 * 3 * 2, 0);
  launch(name_threads, dim3(3, 2, 2), dim3(4, 3, 2), 0, nullptr, seen.data());
  EXPECT_THAT(seen, testing::Each(1));
}

// Each round every thread takes over its neighbour's number: after n rounds thread i has number i + n.
__global__ void rotate(int* out, int rounds) {
  int* numbers = dynamic_shared<int>();
  const int count = static_cast<int>(blockDim.x), i = static_cast<int>(threadIdx.x);
  numbers[i] = i;
  for (int round = 0; round < rounds; ++round) {
    __syncthreads();
    const int next = numbers[(i + 1) % count];
    __syncthreads();
    numbers[i] = next;
  }
  out[i] = numbers[i];
}

// As above without the second barrier: a thread may write before its neighbour has read.
__global__ void rotate_without_second_barrier(int* out, int rounds) {
  int* numbers = dynamic_shared<int>();
  const int count = static_cast<int>(blockDim.x), i = static_cast<int>(threadIdx.x);
  numbers[i] = i;
  for (int round = 0; round < rounds; ++round) {
    __syncthreads();
    numbers[i] = numbers[(i + 1) % count];
  }
  out[i] = numbers[i];
}

bool is_rotated(const std::vector<int>& numbers, int rounds) {
  for (std::size_t i = 0; i < numbers.size(); ++i)
    if (numbers[i] != static_cast<int>((i + static_cast<std::size_t>(rounds)) % numbers.size())) return false;
  return true;
}

TEST(CudaExecution, BarriersHoldUnderEveryOrder) {
  for (unsigned seed = 0; seed < 50; ++seed) {
    set_thread_order(seed);
    for (const unsigned threads : {1u, 31u, 32u, 100u}) {
      std::vector<int> out(threads);
      launch(rotate, 1, threads, threads * sizeof(int), nullptr, out.data(), 5);
      EXPECT_TRUE(is_rotated(out, 5)) << "seed " << seed << ", " << threads << " threads";
    }
  }
}

TEST(CudaExecution, AMissingBarrierGivesAWrongResult) {
  int found = 0;
  for (unsigned seed = 0; seed < 20; ++seed) {
    set_thread_order(seed);
    std::vector<int> out(64);
    launch(rotate_without_second_barrier, 1, 64, 64 * sizeof(int), nullptr, out.data(), 3);
    found += is_rotated(out, 3) ? 0 : 1;
  }
  // Right only if all of 64 threads run in ascending order, three times.
  EXPECT_EQ(found, 20);
}

TEST(CudaExecution, TheSameSeedGivesTheSameOrderAndOthersDiffer) {
  std::set<std::vector<int>> results;
  for (const unsigned seed : {1u, 2u, 1u, 2u}) {
    set_thread_order(seed);
    std::vector<int> out(64);
    launch(rotate_without_second_barrier, 1, 64, 64 * sizeof(int), nullptr, out.data(), 3);
    results.insert(out);
  }
  EXPECT_EQ(results.size(), 2u);
}

__global__ void leave_early(int leaves) {
  if (static_cast<int>(threadIdx.x) == leaves) return;
  __syncthreads();
}

TEST(CudaExecution, ABarrierThatAThreadNeverReachesIsReported) {
  EXPECT_EQ(failure_of(leave_early, 2, 64, 0, 64), "");  // no such thread
  EXPECT_THAT(failure_of(leave_early, 2, 64, 0, 5),
              AllOf(HasSubstr("63 threads wait in __syncthreads at execution_test.cpp:"),
                    HasSubstr("1 threads ended, the first is (5,0,0)")));
}

__global__ void wait_elsewhere() {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

TEST(CudaExecution, BarriersAtTwoPlacesAreReported) {
  EXPECT_THAT(failure_of(wait_elsewhere, 1, 64, 0), HasSubstr("32 threads wait in __syncthreads"));
}

__global__ void exchange_in_a_branch(int* out) {
  int value = 0;
  if (threadIdx.x < 16) value = __shfl_xor_sync(kAll, 1, 1);
  out[threadIdx.x] = value;
}

TEST(CudaExecution, AnExchangeThatALaneNeverReachesIsReported) {
  std::vector<int> out(32);
  EXPECT_THAT(failure_of(exchange_in_a_branch, 1, 32, 0, out.data()),
              AllOf(HasSubstr("16 threads ended"), HasSubstr("16 threads wait in __shfl_xor_sync")));
}

__global__ void read_inactive(int* out) {
  if (threadIdx.x < 16) out[threadIdx.x] = __shfl_sync(0xffffu, 1, 20);
}

TEST(CudaExecution, ReadingALaneOutsideOfTheMaskIsReported) {
  std::vector<int> out(32);
  EXPECT_THAT(failure_of(read_inactive, 1, 32, 0, out.data()), HasSubstr("reads from lane 20"));
}

__global__ void outside_of_own_mask() { __syncwarp(0xffff0000u); }

TEST(CudaExecution, ALaneOutsideOfItsOwnMaskIsReported) {
  EXPECT_THAT(failure_of(outside_of_own_mask, 1, 32, 0), HasSubstr("is not in the mask of its own __syncwarp"));
}

__global__ void throwing() {
  if (threadIdx.x == 7) throw std::runtime_error("seven");
  __syncthreads();
}

TEST(CudaExecution, TheProgramGoesOnAfterAFailedLaunch) {
  for (unsigned seed = 0; seed < 10; ++seed) {
    set_thread_order(seed);
    EXPECT_THAT(failure_of(throwing, 1, 64, 0), HasSubstr("seven"));
    EXPECT_NE(failure_of(leave_early, 1, 64, 0, 3), "");
    std::vector<int> out(64);
    launch(rotate, 1, 64, 64 * sizeof(int), nullptr, out.data(), 2);
    EXPECT_TRUE(is_rotated(out, 2));
  }
}

__global__ void nothing() {}

TEST(CudaExecution, LaunchesThatNoGpuTakesAreRefused) {
  EXPECT_THAT(failure_of(nothing, 0, 32, 0), HasSubstr("a grid of (0,1,1)"));
  EXPECT_THAT(failure_of(nothing, 1, 1025, 0), HasSubstr("a block of (1025,1,1)"));
  EXPECT_THAT(failure_of(nothing, dim3(1, 70000), 1, 0), HasSubstr("a grid of (1,70000,1)"));
  EXPECT_THAT(failure_of(nothing, 1, 32, 228 * 1024), HasSubstr("bytes of shared memory"));
}

__global__ void shuffles(int* out) {
  const int lane = static_cast<int>(threadIdx.x);
  out[lane] = __shfl_up_sync(kAll, lane, 3);
  out[32 + lane] = __shfl_down_sync(kAll, lane, 3, 8);
  out[64 + lane] = __shfl_xor_sync(kAll, lane, 5);
  out[96 + lane] = __shfl_sync(kAll, lane, 9, 4);
  out[128 + lane] = static_cast<int>(__ballot_sync(kAll, lane % 3 == 0));
}

TEST(CudaExecution, ShufflesAndVotesFollowTheProgrammingGuide) {
  for (unsigned seed = 0; seed < 10; ++seed) {
    set_thread_order(seed);
    std::vector<int> out(160);
    launch(shuffles, 1, 32, 0, nullptr, out.data());
    for (int lane = 0; lane < 32; ++lane) {
      const auto at = [&](int row) { return out[static_cast<std::size_t>(32 * row + lane)]; };
      EXPECT_EQ(at(0), lane < 3 ? lane : lane - 3);
      EXPECT_EQ(at(1), lane % 8 + 3 < 8 ? lane + 3 : lane);
      EXPECT_EQ(at(2), lane ^ 5);
      EXPECT_EQ(at(3), lane / 4 * 4 + 1);  // 9 modulo the width
      EXPECT_EQ(at(4), 0x49249249);        // bits 0, 3, 6 ...
    }
  }
}

__global__ void read_unwritten(float* out) { *out = *dynamic_shared<float>(); }

TEST(CudaExecution, UnwrittenSharedMemoryIsNoNumber) {
  float out = 0;
  launch(read_unwritten, 1, 1, sizeof(float), nullptr, &out);
  EXPECT_TRUE(std::isnan(out));
}

__global__ void count_up(int* at) { atomicAdd(at, 2); }

TEST(CudaExecution, AtomicsLoseNothing) {
  int sum = 0;
  launch(count_up, 7, 33, 0, nullptr, &sum);
  EXPECT_EQ(sum, 2 * 7 * 33);
}

}  // namespace
}  // namespace ppplan::cuda_on_cpu
