#include "exec/tensor_part.h"

#include <fmt/format.h>

#include <algorithm>

#include "exec/host_weights.h"
#include "planner/input/input_error.h"

namespace ppplan::exec {

namespace {

using kernels::host::AttentionShape;
using kernels::host::LatentShape;
using kernels::host::LayerGradients;
using kernels::host::LayerShape;
using kernels::host::LayerWeights;

int share(const char* what, int count, int ranks) {
  if (count % ranks != 0)
    throw input::InputError(
        fmt::format("tensor parallelism: expected {} that {} ranks share evenly, found {}", what, ranks, count));
  return count / ranks;
}

/// A matrix [rows, columns] of the whole layer, row by row.
struct Matrix {
  const float* values = nullptr;
  int columns = 1;
  const float* row(int index) const {
    return values + static_cast<std::size_t>(index) * static_cast<std::size_t>(columns);
  }
};

/// Copies `count` columns of `rows` rows, from (row, column) on; returns what follows in `to`.
float* copy_block(const Matrix& from, int row, int rows, int column, int count, float* to) {
  for (int r = row; r < row + rows; ++r) to = std::copy_n(from.row(r) + column, count, to);
  return to;
}

class Cutter {
 public:
  Cutter(const LayerShape& whole, const LayerWeights& from, const TensorRank& part)
      : whole_(whole), own_(part_of(whole, part)), from_(from), rank_(part.rank), memory_(layer_floats(own_)) {
    to_ = gradient_arrays(own_, memory_.data());
  }

  std::vector<float> cut() {
    const int hidden = whole_.hidden;
    copy(from_.attention_norm, hidden, to_.attention_norm);
    copy(from_.feed_forward_norm, hidden, to_.feed_forward_norm);
    copy(from_.query_norm, whole_.latent ? whole_.query_rank : whole_.attention.head_dim, to_.query_norm);
    copy(from_.key_norm, whole_.latent ? whole_.latent->latent : whole_.attention.head_dim, to_.key_norm);
    copy(from_.router, whole_.experts * hidden, to_.router);
    if (whole_.latent) {
      cut_latents();
    } else {
      cut_heads({from_.qkv, hidden}, to_.qkv);
      cut_heads({from_.qkv_bias, 1}, to_.qkv_bias);
    }
    copy_block({from_.attention_output, whole_.attention_width()}, 0, hidden, rank_ * own_.attention_width(),
               own_.attention_width(), to_.attention_output);
    cut_gated(from_.gate_up, from_.down, std::max(whole_.experts, 1), whole_.intermediate, own_.intermediate,
              {to_.gate_up, to_.down});
    cut_gated(from_.shared_gate_up, from_.shared_down, 1, whole_.shared_intermediate, own_.shared_intermediate,
              {to_.shared_gate_up, to_.shared_down});
    return std::move(memory_);
  }

 private:
  struct Gated {
    float* gate_up;
    float* down;
  };

  static void copy(const float* from, int count, float* to) {
    if (from != nullptr) std::copy_n(from, count, to);
  }

  // Rows are heads * head_dim of queries, then of keys, then of values.
  void cut_heads(const Matrix& from, float* to) const {
    if (from.values == nullptr) return;
    const int dim = whole_.attention.head_dim, keys = whole_.attention.heads, values = keys + whole_.attention.kv_heads;
    const int kv = first_kv_head(whole_, {rank_, whole_.attention.heads / own_.attention.heads});
    for (const auto& [first, count] : {std::pair(rank_ * own_.attention.heads, own_.attention.heads),
                                       {keys + kv, own_.attention.kv_heads},
                                       {values + kv, own_.attention.kv_heads}})
      to = copy_block(from, first * dim, count * dim, 0, from.columns, to);
  }

  // Rows of qkv are queries of all heads, or their latent, then what is cached.
  void cut_latents() const {
    const LatentShape &whole = *whole_.latent, &own = *own_.latent;
    const Matrix qkv{from_.qkv, whole_.hidden};
    const int first = whole_.query_rank > 0 ? 0 : rank_ * own_.query_width();
    float* to = copy_block(qkv, first, own_.query_part(), 0, whole_.hidden, to_.qkv);
    copy_block(qkv, whole_.query_part(), whole.cached(), 0, whole_.hidden, to);
    if (whole_.query_rank > 0)
      copy_block({from_.query_up, whole_.query_rank}, rank_ * own_.query_width(), own_.query_width(), 0,
                 whole_.query_rank, to_.query_up);
    copy_block({from_.key_up, whole.latent}, rank_ * own.heads * own.nope, own.heads * own.nope, 0, whole.latent,
               to_.key_up);
    copy_block({from_.value_up, whole.latent}, rank_ * own.heads * own.value, own.heads * own.value, 0, whole.latent,
               to_.value_up);
  }

  void cut_gated(const float* gate_up, const float* down, int blocks, int width, int own, Gated to) const {
    if (gate_up == nullptr) return;
    const Matrix rows{gate_up, whole_.hidden}, columns{down, width};
    for (int block = 0; block < blocks; ++block) {
      for (const int first : {2 * block * width, (2 * block + 1) * width})
        to.gate_up = copy_block(rows, first + rank_ * own, own, 0, whole_.hidden, to.gate_up);
      to.down = copy_block(columns, block * whole_.hidden, whole_.hidden, rank_ * own, own, to.down);
    }
  }

  const LayerShape& whole_;
  LayerShape own_;
  const LayerWeights& from_;
  int rank_;
  std::vector<float> memory_;
  LayerGradients to_;
};

AttentionShape part_of(const AttentionShape& whole, int ranks) {
  AttentionShape out = whole;
  out.heads = share("attention heads", whole.heads, ranks);
  const int kv_heads = whole.kv_heads;
  if (std::max(kv_heads, ranks) % std::min(kv_heads, ranks) != 0)
    throw input::InputError(fmt::format(
        "tensor parallelism: expected {} ranks to divide the KV heads, or to be a multiple of them, found {}", ranks,
        kv_heads));
  out.kv_heads = std::max(1, kv_heads / ranks);
  return out;
}

}  // namespace

LayerShape part_of(const LayerShape& whole, const TensorRank& part) {
  LayerShape out = whole;
  const int ranks = part.size;
  if (whole.latent)
    out.latent->heads = share("attention heads", whole.latent->heads, ranks);
  else
    out.attention = part_of(whole.attention, ranks);
  out.intermediate = share("a feed-forward width", whole.intermediate, ranks);
  out.shared_intermediate = share("a shared experts' width", whole.shared_intermediate, ranks);
  return out;
}

int first_kv_head(const LayerShape& whole, const TensorRank& part) {
  return part.rank * whole.attention.kv_heads / part.size;
}

std::vector<float> weights_of_part(const LayerShape& whole, const LayerWeights& weights, const TensorRank& part) {
  return Cutter(whole, weights, part).cut();
}

int rows_of_part(int vocabulary, const TensorRank& part) { return (vocabulary + part.size - 1) / part.size; }

}  // namespace ppplan::exec
