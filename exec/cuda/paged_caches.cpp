#include "exec/cuda/paged_caches.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "exec/host_stage.h"
#include "exec/seeded_values.h"

namespace ppplan::exec::cuda {

namespace {

using kernels::host::KvCache;
using kernels::host::LayerShape;

constexpr std::uint64_t kPages = 7;  // a name below the seed, besides those of pipeline_run.cpp and host_*.cpp

std::vector<int> shuffled_pages(int count, std::uint64_t seed) {
  std::vector<int> pages(static_cast<std::size_t>(count));
  std::iota(pages.begin(), pages.end(), 0);
  const std::uint64_t numbers = stream(seed, {kPages});
  for (std::size_t left = pages.size(); left > 1; --left)
    std::swap(pages[left - 1], pages[value(numbers, left) % left]);
  return pages;
}

// Some KV heads of a whole layer; latents are one wide head.
struct Heads {
  int first = 0;
  int count = 0;
  int head_dim = 0;
};

Heads heads_of(const LayerShape& whole, const TensorRank& part) {
  if (whole.latent) return {0, 1, whole.latent->cached()};
  const LayerShape own = part_of(whole, part);
  return {first_kv_head(whole, part), own.attention.kv_heads, own.attention.head_dim};
}

// Copies the past of one sequence, keys or values of `capacity` tokens a head, to its pages.
void place_past(const float* cache, int capacity, int past, const Heads& heads, const int* pages,
                std::vector<Bf16>& to) {
  const auto head_dim = static_cast<std::size_t>(heads.head_dim);
  for (int head = 0; head < heads.count; ++head) {
    for (int token = 0; token < past; ++token) {
      const int row = pages[token / PagedCaches::kPageTokens] * heads.count + head;
      const std::size_t at =
          static_cast<std::size_t>(row * PagedCaches::kPageTokens + token % PagedCaches::kPageTokens) * head_dim;
      const std::size_t from = static_cast<std::size_t>((heads.first + head) * capacity + token) * head_dim;
      for (std::size_t i = 0; i < head_dim; ++i) to[at + i] = __float2bfloat16_rn(cache[from + i]);
    }
  }
}

}  // namespace

PagedCaches::PagedCaches(std::span<const LayerShape> shapes, const TensorRank& part, int first_layer,
                         const std::map<int, KvSize>& sizes, std::uint64_t seed, cudaStream_t stream) {
  int count = 0;
  for (const auto& [chain, size] : sizes) count += size.sequences * pages_of_sequence(size);
  const std::vector<int> all = shuffled_pages(count, seed);
  auto next = all.begin();
  for (const auto& [chain, size] : sizes) {
    const auto end = next + size.sequences * pages_of_sequence(size);
    chains_[chain].assign(std::exchange(next, end), end);
  }
  for (std::size_t layer = 0; layer < shapes.size(); ++layer) {
    const Heads heads = heads_of(shapes[layer], part);
    const std::size_t size_of_array = static_cast<std::size_t>(count * kPageTokens * heads.count * heads.head_dim);
    std::vector<Bf16> keys(size_of_array), values(shapes[layer].latent ? 0 : size_of_array);
    for (const auto& [chain, size] : sizes) {
      if (size.past_tokens == 0) continue;
      const KvSet set(shapes.subspan(layer, 1), first_layer + static_cast<int>(layer), size, seed, chain);
      for (int s = 0; s < size.sequences; ++s) {
        const KvCache& cache = set.caches(0)[static_cast<std::size_t>(s)];
        const int* pages = chains_[chain].data() + s * pages_of_sequence(size);
        place_past(cache.keys, cache.capacity, size.past_tokens, heads, pages, keys);
        if (cache.values != nullptr) place_past(cache.values, cache.capacity, size.past_tokens, heads, pages, values);
      }
    }
    layers_.push_back({kernels::cuda::uploaded(std::span<const Bf16>(keys), stream),
                       kernels::cuda::uploaded(std::span<const Bf16>(values), stream)});
  }
}

}  // namespace ppplan::exec::cuda
