#include <stdexcept>
#include <string>

#include "kernels/cuda/pack.h"
#include "kernels/cuda/reduce.h"

namespace ppplan::kernels::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kTokensPerBlock = 4;  // one warp each

/// Of the logits that come behind `last`, the best, in every lane.
inline __device__ Candidate best_after(const float* logits, int experts, const Candidate& last) {
  Candidate best = {-INFINITY, experts};
  for (int i = lane_of_thread(); i < experts; i += kWarp) {
    const Candidate candidate = {logits[i], i};
    if (beats(last, candidate) && beats(candidate, best)) best = candidate;
  }
  return warp_best(best);
}

// Lane r keeps the r-th choice, so that the softmax is one more exchange of the warp.
__global__ void route_kernel(const float* logits, int tokens, int experts, int chosen, int* expert, float* weight) {
  const int token = block_x() * kTokensPerBlock + warp_of_thread();
  if (token >= tokens) return;
  logits += row_start(token, experts);
  Candidate mine = {0.0f, 0}, last = {INFINITY, -1};
  float largest = 0.0f;
  for (int rank = 0; rank < chosen; ++rank) {
    last = best_after(logits, experts, last);
    if (rank == 0) largest = last.value;
    if (rank == lane_of_thread()) mine = last;
  }
  const bool holds = lane_of_thread() < chosen;
  const float exponential = holds ? expf(mine.value - largest) : 0.0f;
  const float sum = warp_sum(exponential);
  if (!holds) return;
  const std::size_t at = row_start(token, chosen) + static_cast<std::size_t>(lane_of_thread());
  expert[at] = mine.index;
  weight[at] = exponential / sum;
}

// One block an expert.
__global__ void count_kernel(const int* expert, int assignments, int* count) {
  int found = 0;
  for (int i = thread_index(); i < assignments; i += thread_count()) found += expert[i] == block_x() ? 1 : 0;
  found = block_sum(found);
  if (thread_index() == 0) count[block_x()] = found;
}

/// How many threads of the block before this one hold `flag`, and how many do in all.
struct Ranking {
  int before;
  int total;
};
/// `totals` is shared memory of a number a warp.
inline __device__ Ranking rank_in_block(bool flag, int* totals) {
  const unsigned ballot = __ballot_sync(kAllLanes, flag);
  if (lane_of_thread() == 0) totals[warp_of_thread()] = __popc(ballot);
  __syncthreads();
  Ranking ranking = {__popc(ballot & ((1u << lane_of_thread()) - 1u)), 0};
  for (int warp = 0; warp < thread_count() / kWarp; ++warp) {
    if (warp < warp_of_thread()) ranking.before += totals[warp];
    ranking.total += totals[warp];
  }
  __syncthreads();  // the next round writes the totals anew
  return ranking;
}

// One block an expert, which looks for its assignments in order: sorting this way is stable, and the same every time.
__global__ void place_kernel(const int* expert, int assignments, int chosen, const int* count, int* first_row, int* row,
                             int* place) {
  __shared__ int totals[kWarp];
  int before = 0;
  for (int i = thread_index(); i < block_x(); i += thread_count()) before += count[i];
  int next = block_sum(before);
  if (thread_index() == 0) {
    first_row[block_x()] = next;
    if (block_x() + 1 == static_cast<int>(gridDim.x)) first_row[block_x() + 1] = next + count[block_x()];
  }
  for (int start = 0; start < assignments; start += thread_count()) {
    const int assignment = start + thread_index();
    const bool is_mine = assignment < assignments && expert[assignment] == block_x();
    const Ranking ranking = rank_in_block(is_mine, totals);
    if (is_mine) {
      row[next + ranking.before] = assignment / chosen;
      place[assignment] = next + ranking.before;
    }
    next += ranking.total;
  }
}

template <int kValues>
__global__ void combine_kernel(const Bf16* x, const int* place, const float* weight, const Bf16* base, int chosen,
                               int hidden, Bf16* out) {
  const std::size_t first = row_start(block_x(), chosen), start = row_start(block_x(), hidden);
  for (int i = thread_index(); i < hidden / kValues; i += thread_count()) {
    float sum[kValues] = {};
    Pack<kValues> pack;
    if (base != nullptr) {
      pack = load_pack<kValues>(base + start, i);
#pragma unroll
      for (int j = 0; j < kValues; ++j) sum[j] = __bfloat162float(pack.value[j]);
    }
    for (int rank = 0; rank < chosen; ++rank) {
      const std::size_t assignment = first + static_cast<std::size_t>(rank);
      pack = load_pack<kValues>(x + row_start(place[assignment], hidden), i);
#pragma unroll
      for (int j = 0; j < kValues; ++j) sum[j] += weight[assignment] * __bfloat162float(pack.value[j]);
    }
#pragma unroll
    for (int j = 0; j < kValues; ++j) pack.value[j] = __float2bfloat16_rn(sum[j]);
    store_pack<kValues>(out + start, i, pack);
  }
}

}  // namespace

void route(const float* logits, int tokens, int experts, int chosen, int* expert, float* weight, cudaStream_t stream) {
  if (chosen < 1 || chosen > kWarp || chosen > experts)
    throw std::invalid_argument("route chooses 1 to " + std::to_string(experts < kWarp ? experts : kWarp) + " of " +
                                std::to_string(experts) + " experts, not " + std::to_string(chosen));
  if (tokens == 0) return;
  launch(route_kernel, grid_of(divide_up(tokens, kTokensPerBlock)), kTokensPerBlock * kWarp, 0, stream, logits, tokens,
         experts, chosen, expert, weight);
}

void sort_by_expert(const int* expert, int tokens, int experts, int chosen, int* count, int* first_row, int* row,
                    int* place, cudaStream_t stream) {
  const int assignments = tokens * chosen;
  launch(count_kernel, grid_of(experts), kThreads, 0, stream, expert, assignments, count);
  launch(place_kernel, grid_of(experts), kThreads, 0, stream, expert, assignments, chosen, count, first_row, row,
         place);
}

void combine_experts(const Bf16* x, const int* place, const float* weight, const Bf16* base, int tokens, int chosen,
                     int hidden, Bf16* out, cudaStream_t stream) {
  if (tokens == 0) return;
  const bool wide = takes_wide_packs(hidden, {x, base, out});
  launch(wide ? combine_kernel<kWidePack> : combine_kernel<1>, grid_of(tokens),
         threads_for(wide ? hidden / kWidePack : hidden, kThreads), 0, stream, x, place, weight, base, chosen, hidden,
         out);
}

}  // namespace ppplan::kernels::cuda
