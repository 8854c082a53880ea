// The wrapped instructions against products and copies written from the fragment tables of the PTX manual.
#include "tests/cuda_on_cpu/instructions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <vector>

#include "tests/cuda_on_cpu/cuda_on_cpu.h"

namespace ppplan::cuda_on_cpu {
namespace {

using testing::HasSubstr;

std::uint32_t bits(float value) {
  const __nv_bfloat16 rounded = __float2bfloat16_rn(value);
  std::uint16_t out;
  std::memcpy(&out, &rounded, sizeof out);
  return out;
}
std::uint32_t pair(float low, float high) { return bits(low) | bits(high) << 16; }

struct Product {
  float a[16][16];
  float b[16][8];
  float c[16][8];
};

// Rows and columns spelled out as in the manual's tables for m16n8k16: groupID and threadID_in_group.
__global__ void multiply(Product* p) {
  const int group = static_cast<int>(threadIdx.x) >> 2, inside = static_cast<int>(threadIdx.x) % 4;
  const auto& a = p->a;
  const auto& b = p->b;
  const int low = inside * 2, high = inside * 2 + 8;
  const std::uint32_t part[4] = {pair(a[group][low], a[group][low + 1]), pair(a[group + 8][low], a[group + 8][low + 1]),
                                 pair(a[group][high], a[group][high + 1]),
                                 pair(a[group + 8][high], a[group + 8][high + 1])};
  float c[4] = {p->c[group][low], p->c[group][low + 1], p->c[group + 8][low], p->c[group + 8][low + 1]};
  mma_bf16(c, part, pair(b[low][group], b[low + 1][group]), pair(b[high][group], b[high + 1][group]));
  p->c[group][low] = c[0];
  p->c[group][low + 1] = c[1];
  p->c[group + 8][low] = c[2];
  p->c[group + 8][low + 1] = c[3];
}

TEST(CudaInstructions, MmaAddsAProduct) {
  // Small integers: bf16 holds them, and sums are exact.
  std::mt19937 random(3);
  std::uniform_int_distribution<int> draw(-8, 8);
  Product p;
  for (auto* matrix : {&p.a[0][0], &p.b[0][0], &p.c[0][0]}) {
    const int count = matrix == &p.a[0][0] ? 256 : 128;
    for (int i = 0; i < count; ++i) matrix[i] = static_cast<float>(draw(random));
  }
  const Product before = p;
  launch(multiply, 1, 32, 0, nullptr, &p);
  for (int row = 0; row < 16; ++row)
    for (int column = 0; column < 8; ++column) {
      float sum = before.c[row][column];
      for (int k = 0; k < 16; ++k) sum += before.a[row][k] * before.b[k][column];
      EXPECT_EQ(p.c[row][column], sum);
    }
}

using Registers = std::array<std::uint32_t, 4>;

__global__ void load(const std::uint16_t* rows, bool transposed, int skew, Registers* out) {
  std::uint32_t part[4];
  const std::uint16_t* row = rows + 8 * threadIdx.x + skew;
  if (transposed)
    load_matrices_transposed(part, row);
  else
    load_matrices(part, row);
  out[threadIdx.x] = {part[0], part[1], part[2], part[3]};
}

TEST(CudaInstructions, LdmatrixGivesALaneTwoNeighboursOfARowOrOfAColumn) {
  alignas(16) std::uint16_t rows[264];
  for (int i = 0; i < 264; ++i) rows[i] = static_cast<std::uint16_t>(i);
  std::vector<Registers> out(32);
  for (const bool transposed : {false, true}) {
    launch(load, 1, 32, 0, nullptr, rows, transposed, 0, out.data());
    for (std::uint32_t lane = 0; lane < 32; ++lane)
      for (std::uint32_t matrix = 0; matrix < 4; ++matrix) {
        const auto element = [&](std::uint32_t row, std::uint32_t column) { return 64 * matrix + 8 * row + column; };
        const std::uint32_t row = lane / 4, column = lane % 4 * 2;
        const std::uint32_t first = transposed ? element(column, row) : element(row, column);
        const std::uint32_t second = transposed ? element(column + 1, row) : element(row, column + 1);
        EXPECT_EQ(out[lane][matrix], first | second << 16);
      }
  }
  EXPECT_THROW(launch(load, 1, 32, 0, nullptr, rows, false, 1, out.data()), ExecutionError);
}

// Two groups of copies; waits for the first alone, then for both.
__global__ void copy_twice(const int* from, int* out, bool waits) {
  int* tile = dynamic_shared<int>();
  copy_async(tile, from, true);
  copy_commit();
  copy_async(tile + 4, from + 4, false);
  copy_commit();
  if (waits) copy_wait<1>();
  out[0] = tile[3];
  if (waits) copy_wait<0>();
  out[1] = tile[7];
}

TEST(CudaInstructions, CopiesAreThereWhenWaitedForAndOnlyPerhapsBefore) {
  alignas(16) const int from[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  int early = 0;
  for (unsigned seed = 0; seed < 40; ++seed) {
    set_thread_order(seed);
    int out[2];
    launch(copy_twice, 1, 1, 8 * sizeof(int), nullptr, from, out, true);
    EXPECT_EQ(out[0], 4);
    EXPECT_EQ(out[1], 0);  // not valid: zeros
    launch(copy_twice, 1, 1, 8 * sizeof(int), nullptr, from, out, false);
    early += out[0] == 4 ? 1 : 0;
  }
  EXPECT_GT(early, 0);
  EXPECT_LT(early, 40);
}

__global__ void copy_askew(const int* from) { copy_async(dynamic_shared<int>(), from + 1, true); }

TEST(CudaInstructions, CopiesNeedAlignedAddresses) {
  alignas(16) const int from[8] = {};
  try {
    launch(copy_askew, 1, 1, 16, nullptr, from);
    ADD_FAILURE() << "accepted";
  } catch (const ExecutionError& error) {
    EXPECT_THAT(error.what(), HasSubstr("cp.async at instructions_test.cpp"));
  }
}

}  // namespace
}  // namespace ppplan::cuda_on_cpu
