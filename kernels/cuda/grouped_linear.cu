#include <stdexcept>
#include <string>

#include "kernels/cuda/flash_tile.h"

namespace ppplan::kernels::cuda {
namespace {

constexpr int kTileRows = kFlashWarps * kWarpRows;  // of a block
constexpr int kTileOutputs = kTileKeys;
constexpr int kStep = 64;  // inputs that are multiplied at a time

struct GroupedArguments {
  const Bf16* x;
  const int* row;  // or nullptr
  const Bf16* weight;
  const int* first_row;
  int experts, inputs, outputs;
  Bf16* out;
};

/// Sorted rows [begin, end) of one expert, at most kTileRows; none when expert is -1.
struct TileRows {
  int expert = -1, begin = 0, end = 0;
};

/// The tile of number `index` when each expert's rows are cut into tiles.
inline __device__ TileRows rows_of_tile(const GroupedArguments& a, int index) {
  for (int expert = 0; expert < a.experts; ++expert) {
    const int first = a.first_row[expert], behind = a.first_row[expert + 1];
    const int tiles = divide_up(behind - first, kTileRows);
    if (index < tiles) {
      const int begin = first + index * kTileRows;
      return {expert, begin, begin + kTileRows < behind ? begin + kTileRows : behind};
    }
    index -= tiles;
  }
  return {};
}

/// Starts copies of inputs [k, k + kStep) of the tile's rows and of the expert's outputs from `output` on; what lies
/// past an end becomes zeros.
inline __device__ void load_step(const GroupedArguments& a, const TileRows& rows, int output, int k, Bf16* x_tile,
                                 Bf16* weight_tile) {
  constexpr int kChunks = kStep / kChunk;
  for (int i = thread_index(); i < kTileRows * kChunks; i += thread_count()) {
    const int line = i / kChunks, at = k + i % kChunks * kChunk;
    const bool has_row = rows.begin + line < rows.end && at < a.inputs;
    const bool has_output = output + line < a.outputs && at < a.inputs;
    const Bf16 *x = a.x, *weight = a.weight;
    if (has_row) {
      const int sorted = rows.begin + line;
      x += row_start(a.row != nullptr ? a.row[sorted] : sorted, a.inputs) + static_cast<std::size_t>(at);
    }
    if (has_output)
      weight += (row_start(rows.expert, a.outputs) + static_cast<std::size_t>(output + line)) *
                    static_cast<std::size_t>(a.inputs) +
                static_cast<std::size_t>(at);
    copy_async(x_tile + swizzled<kStep>(line, i % kChunks), x, has_row);
    copy_async(weight_tile + swizzled<kStep>(line, i % kChunks), weight, has_output);
  }
}

/// A warp's 16 rows times the tile's outputs, added up.
inline __device__ void multiply_step(const Bf16* x_tile, const Bf16* weight_tile, float (&sum)[kTileOutputs / 8][4]) {
  QueryRows<kStep> rows;
  read_queries<kStep>(x_tile, warp_of_thread() * kWarpRows, rows);
  float product[kTileOutputs / 8][4];
  score_keys<kStep, kTileOutputs>(rows, weight_tile, 0, product);
#pragma unroll
  for (int n = 0; n < kTileOutputs / 8; ++n) {
#pragma unroll
    for (int j = 0; j < 4; ++j) sum[n][j] += product[n][j];
  }
}

inline __device__ void store_sums(const GroupedArguments& a, const TileRows& rows, int output,
                                  const float (&sum)[kTileOutputs / 8][4]) {
  const int lane = lane_of_thread();
  for (int n = 0; n < kTileOutputs / 8; ++n) {
    for (int j = 0; j < 4; ++j) {
      const int row = rows.begin + warp_of_thread() * kWarpRows + lane / 4 + 8 * (j / 2);
      const int column = output + n * 8 + 2 * (lane % 4) + j % 2;
      if (row < rows.end && column < a.outputs)
        a.out[row_start(row, a.outputs) + static_cast<std::size_t>(column)] = __float2bfloat16_rn(sum[n][j]);
    }
  }
}

// One block: a tile of rows of one expert and a tile of its outputs. One step travels while the one before it is
// multiplied.
__global__ void __launch_bounds__(kFlashThreads) grouped_kernel(GroupedArguments a) {
  const TileRows rows = rows_of_tile(a, block_y());
  if (rows.expert < 0) return;
  const int output = block_x() * kTileOutputs;
  constexpr int kTile = kTileRows * kStep;
  Bf16* tiles = dynamic_shared<Bf16>();  // of x and of the weight, two of each
  float sum[kTileOutputs / 8][4] = {};
  load_step(a, rows, output, 0, tiles, tiles + kTile);
  copy_commit();
  for (int k = 0, turn = 0; k < a.inputs; k += kStep, turn ^= 1) {
    Bf16 *now = tiles + turn * 2 * kTile, *next = tiles + (turn ^ 1) * 2 * kTile;
    if (k + kStep < a.inputs) load_step(a, rows, output, k + kStep, next, next + kTile);
    copy_commit();
    copy_wait<1>();
    __syncthreads();  // this step is there
    multiply_step(now, now + kTile, sum);
    __syncthreads();  // nobody reads it any more
  }
  store_sums(a, rows, output, sum);
}

}  // namespace

void grouped_linear(const Bf16* x, const int* row, const Bf16* weight, const int* first_row, int experts, int rows,
                    int inputs, int outputs, Bf16* out, cudaStream_t stream) {
  static_assert(kTileRows == kTileOutputs, "load_step takes both in one loop");
  if (inputs % kChunk != 0)
    throw std::invalid_argument("grouped_linear takes a multiple of 8 inputs, not " + std::to_string(inputs));
  if (rows == 0) return;
  // Every expert may have one tile that is not full.
  const int tiles = rows / kTileRows + (experts < rows ? experts : rows);
  launch(grouped_kernel, grid_of(divide_up(outputs, kTileOutputs), tiles), kFlashThreads,
         4 * kTileRows * kStep * sizeof(Bf16), stream,
         GroupedArguments{x, row, weight, first_row, experts, inputs, outputs, out});
}

}  // namespace ppplan::kernels::cuda
