#include "planner/engines/rank_groups.h"

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "planner/input/input_error.h"

namespace ppplan::engines {
namespace {

constexpr std::size_t axes = 5;
constexpr std::int64_t most_ranks = 1 << 20;
using Sizes = std::array<int, axes>;
using Order = std::array<std::size_t, axes>;
constexpr std::size_t dp_axis = 1, pp_axis = 2, pcp_axis = 3, tp_axis = 4;

Sizes sizes_of(const RankLayout& layout) {
  const Sizes sizes = {layout.external_dp, layout.dp, layout.pp, layout.pcp, layout.tp};
  std::int64_t ranks = 1;
  for (int size : sizes) {
    if (size < 1) throw input::InputError("rank layout: expected sizes of at least 1, found " + std::to_string(size));
    ranks *= size;
    if (ranks > most_ranks) throw input::InputError("rank layout: expected at most 2^20 ranks, found more");
  }
  return sizes;
}

/// Ranks in the order of the transposed array, as NumPy's transpose(a, b).reshape(-1) lists them.
std::vector<int> transposed(const Sizes& sizes, std::size_t a, std::size_t b) {
  Order order = {0, 1, 2, 3, 4};
  std::swap(order[a], order[b]);
  Sizes stride{};
  int ranks = 1;
  for (std::size_t axis = axes; axis-- > 0; ranks *= sizes[axis]) stride[axis] = ranks;
  std::vector<int> out(static_cast<std::size_t>(ranks));
  for (int position = 0; position < ranks; ++position) {
    int rest = position;
    int rank = 0;
    for (std::size_t k = axes; k-- > 0;) {
      rank += rest % sizes[order[k]] * stride[order[k]];
      rest /= sizes[order[k]];
    }
    out[static_cast<std::size_t>(position)] = rank;
  }
  return out;
}

Groups in_groups(const std::vector<int>& ranks, int size) {
  Groups out;
  for (std::size_t at = 0; at < ranks.size(); at += static_cast<std::size_t>(size))
    out.emplace_back(ranks.begin() + static_cast<std::ptrdiff_t>(at),
                     ranks.begin() + static_cast<std::ptrdiff_t>(at) + size);
  return out;
}

}  // namespace

RankGroups rank_groups(const RankLayout& layout) {
  const Sizes sizes = sizes_of(layout);
  RankGroups out;
  out.tp = in_groups(transposed(sizes, tp_axis, tp_axis), layout.tp);
  out.pcp = in_groups(transposed(sizes, pcp_axis, tp_axis), layout.pcp);
  out.pp = in_groups(transposed(sizes, pp_axis, tp_axis), layout.pp);
  out.dp = in_groups(transposed(sizes, dp_axis, tp_axis), layout.dp);
  out.ep = in_groups(transposed(sizes, dp_axis, pp_axis), layout.dp * layout.pcp * layout.tp);
  return out;
}

PipelineNeighbours pipeline_neighbours(const RankLayout& layout, int rank) {
  const int stride = layout.pcp * layout.tp;
  const int stage = rank / stride % layout.pp;
  const int first = rank - stage * stride;
  return {first + (stage + layout.pp - 1) % layout.pp * stride, first + (stage + 1) % layout.pp * stride};
}

int output_rank(const RankLayout& layout) { return (layout.pp - 1) * layout.pcp * layout.tp; }

}  // namespace ppplan::engines
