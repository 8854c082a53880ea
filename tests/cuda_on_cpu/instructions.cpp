#include "tests/cuda_on_cpu/instructions.h"

#include <atomic>
#include <bit>
#include <cstring>

namespace ppplan::cuda_on_cpu {
namespace {

constexpr unsigned kWarp = 0xffffffffu;

/// Element 0 or 1 of a register, a bf16 value being the upper half of an fp32 value.
float element(std::uint32_t pair, int which) {
  return std::bit_cast<float>(which == 0 ? pair << 16 : pair & 0xffff0000u);
}

struct MmaOperand {
  float* c;
  const std::uint32_t* a;
  std::uint32_t b[2];
};

struct Matrices {
  float a[16][16];
  float b[16][8];
};

// With g = lane / 4 and t = lane % 4, register i of A holds row g + 8 (i % 2) and columns 2 t + 8 (i / 2) and the next;
// register i of B holds column g and rows 2 t + 8 i and the next; C holds rows g and g + 8, columns 2 t and the next.
void unpack(const Lanes& lanes, Matrices& m) {
  for (int lane = 0; lane < 32; ++lane) {
    const auto& mine = *static_cast<const MmaOperand*>(lanes.operand[lane]);
    const int g = lane / 4, t = lane % 4;
    for (int i = 0; i < 8; ++i) m.a[g + 8 * (i / 2 % 2)][2 * t + 8 * (i / 4) + i % 2] = element(mine.a[i / 2], i % 2);
    for (int i = 0; i < 4; ++i) m.b[2 * t + 8 * (i / 2) + i % 2][g] = element(mine.b[i / 2], i % 2);
  }
}

[[gnu::no_sanitize("address", "undefined")]] void combine_mma(const Lanes& lanes) {
  Matrices m;
  unpack(lanes, m);
  for (int lane = 0; lane < 32; ++lane) {
    float* c = static_cast<MmaOperand*>(lanes.operand[lane])->c;
    for (int i = 0; i < 4; ++i) {
      const float* a = m.a[lane / 4 + 8 * (i / 2)];
      const int column = 2 * (lane % 4) + i % 2;
      float sum = 0;
      for (int k = 0; k < 16; ++k) sum += a[k] * m.b[k][column];
      c[i] += sum;
    }
  }
}

struct LoadOperand {
  const void* row;
  std::uint32_t* out;
};

void check_alignment(const char* name, const void* address, const Site& site) {
  if (reinterpret_cast<std::uintptr_t>(address) % 16 != 0)
    fail(std::string(name) + " at " + text_of(site) + " takes an address that is on no 16-byte boundary");
}

template <bool kTransposed>
void combine_load(const Lanes& lanes) {
  std::uint16_t rows[32][8];
  for (int lane = 0; lane < 32; ++lane)
    std::memcpy(rows[lane], static_cast<LoadOperand*>(lanes.operand[lane])->row, sizeof rows[lane]);
  for (int lane = 0; lane < 32; ++lane) {
    std::uint32_t* out = static_cast<LoadOperand*>(lanes.operand[lane])->out;
    for (int matrix = 0; matrix < 4; ++matrix) {
      const int across = lane / 4, along = 2 * (lane % 4);
      const auto at = [&](int k) -> std::uint32_t {
        return kTransposed ? rows[8 * matrix + along + k][across] : rows[8 * matrix + across][along + k];
      };
      out[matrix] = at(0) | at(1) << 16;
    }
  }
}

std::atomic<unsigned long long> clock_ns{1'000'000};

}  // namespace

void mma_bf16(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1, const Site& site) {
  MmaOperand mine{c, a, {b0, b1}};
  meet("mma.sync", kWarp, &mine, &combine_mma, site);
}

void load_matrices(std::uint32_t (&out)[4], const void* row, const Site& site) {
  check_alignment("ldmatrix", row, site);
  LoadOperand mine{row, out};
  meet("ldmatrix", kWarp, &mine, &combine_load<false>, site);
}

void load_matrices_transposed(std::uint32_t (&out)[4], const void* row, const Site& site) {
  check_alignment("ldmatrix", row, site);
  LoadOperand mine{row, out};
  meet("ldmatrix.trans", kWarp, &mine, &combine_load<true>, site);
}

void copy_async(void* to, const void* from, bool valid, const Site& site) {
  check_alignment("cp.async", to, site);
  check_alignment("cp.async", from, site);
  start_copy({to, from, valid ? 16 : 0});
}

unsigned long long global_time_ns() { return clock_ns += 32; }

void sleep_ns(unsigned nanoseconds) { clock_ns += nanoseconds; }

}  // namespace ppplan::cuda_on_cpu
