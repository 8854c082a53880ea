// V-half and V-min. Squeezed three times: with weight gradients in the free slots, on unit times, and without them.
#include "planner/schedule/building_block.h"

#include <algorithm>
#include <array>
#include <utility>

#include "planner/schedule/order_layout.h"

namespace ppplan::schedule {
namespace {

using traces::OpKind;

std::size_t at(int index) { return static_cast<std::size_t>(index); }

/// Steps of a micro-batch on a rank, in the order in which it takes them; the last is either weight gradient.
enum Step { forward_down, forward_up, input_up, input_down, weight };
constexpr int chain_steps = 4, all_steps = 5;

using Starts = std::vector<std::array<int, chain_steps>>;  // [rank][step] of micro-batch 0

struct Cell {
  int step = -1;  // none: the slot is free
  int micro_batch = 0;
};

/// The slots of all ranks. Of weight gradients the k-th on a rank has number k, whichever stage it is of.
class SlotGrid {
 public:
  SlotGrid(const Starts& starts, int micro_batches) : m_(micro_batches), grid_(starts.size()) {
    for (std::size_t r = 0; r < starts.size(); ++r)
      for (int step = 0; step < chain_steps; ++step)
        for (int k = 0; k < m_; ++k) put(r, starts[r][at(step)] + 6 * k, {step, k});
  }

  void squeeze() {
    place_weights();
    squeeze_ends();
    run_eagerly();
    drop_weights();
    squeeze_end();
    place_weights();
  }

  const std::vector<Cell>& cells(int rank) const { return grid_[at(rank)]; }

 private:
  int ranks() const { return static_cast<int>(grid_.size()); }
  int slots() const {
    std::size_t most = 0;
    for (const auto& cells : grid_) most = std::max(most, cells.size());
    return static_cast<int>(most);
  }
  static bool is_forward(int step) { return step <= forward_up; }
  static bool is_input(int step) { return step == input_up || step == input_down; }

  void put(std::size_t rank, int slot, Cell cell) {
    if (grid_[rank].size() <= at(slot)) grid_[rank].resize(at(slot) + 1);
    grid_[rank][at(slot)] = cell;
  }

  /// A weight gradient for every input gradient, in the first free slots after it and at the end.
  void place_weights() {
    for (auto& cells : grid_) {
      int placed = 0, waiting = 0;
      for (Cell& cell : cells) {
        if (is_input(cell.step)) ++waiting;
        if (cell.step >= 0 || waiting == 0) continue;
        cell = {weight, placed++};
        --waiting;
      }
      for (; waiting > 0; --waiting) cells.push_back({weight, placed++});
    }
  }

  void drop_weights() {
    for (auto& cells : grid_) {
      for (Cell& cell : cells)
        if (cell.step == weight) cell = {};
      while (!cells.empty() && cells.back().step < 0) cells.pop_back();
    }
  }

  /// Where each step of each micro-batch stands now.
  void index() {
    slot_.assign(grid_.size(), {});
    for (std::size_t r = 0; r < grid_.size(); ++r) {
      for (int step = 0; step < all_steps; ++step) slot_[r][at(step)].assign(at(step == weight ? 2 * m_ : m_), -1);
      for (std::size_t t = 0; t < grid_[r].size(); ++t)
        if (const Cell& cell = grid_[r][t]; cell.step >= 0)
          slot_[r][at(cell.step)][at(cell.micro_batch)] = static_cast<int>(t);
    }
  }

  /// The last slot of what the cell has to come after.
  int awaited(int rank, const Cell& cell) const {
    const auto& own = slot_[at(rank)];
    int latest = cell.micro_batch > 0 ? own[at(cell.step)][at(cell.micro_batch - 1)] : -1;
    if (cell.step == weight) return latest;
    const int from = cell.step == forward_down || cell.step == input_up ? rank - 1 : rank + 1;
    if (from >= 0 && from < ranks()) latest = std::max(latest, slot_[at(from)][at(cell.step)][at(cell.micro_batch)]);
    if (cell.step > 0) latest = std::max(latest, own[at(cell.step - 1)][at(cell.micro_batch)]);
    return latest;
  }

  /// Warm-up until the first micro-batch is through, then steady until the last one's next forward, then the end.
  enum class Phase { warm_up, steady, end };
  static Phase next_phase(Phase phase, int rank, const Cell& cell) {
    if (rank == 0 && cell.step == input_down && phase == Phase::warm_up) return Phase::steady;
    return phase;
  }
  Phase phase_after(Phase phase, const Cell& cell) const {
    const bool last = cell.step == forward_down && cell.micro_batch == m_ - 1;
    return last && phase == Phase::steady ? Phase::end : phase;
  }

  /// Calls move(rank, slot, cell) for every cell in order of slots, then ranks, with the phase it is in.
  template <typename Move>
  void sweep(const Move& move) {
    index();
    const auto before = grid_;
    Phase phase = Phase::warm_up;
    for (int t = 0, count = slots(); t < count; ++t)
      for (int r = 0; r < ranks(); ++r) {
        if (at(t) >= before[at(r)].size()) continue;
        const Cell cell = before[at(r)][at(t)];
        if (cell.step < 0) continue;
        phase = next_phase(phase, r, cell);
        move(phase, r, t, cell);
        phase = phase_after(phase, cell);
      }
  }

  void shift(int rank, int from, int to) {
    auto& cells = grid_[at(rank)];
    const Cell cell = std::exchange(cells[at(from)], {});
    cells[at(to)] = cell;
    slot_[at(rank)][at(cell.step)][at(cell.micro_batch)] = to;
  }

  int first_free(int rank, int from, int to) const {
    while (from < to && grid_[at(rank)][at(from)].step >= 0) ++from;
    return from;
  }

  void squeeze_ends() {
    std::vector<std::vector<int>> held(grid_.size());
    int peak = 0;
    for (std::size_t r = 0; r < grid_.size(); ++r) {
      int now = 0;
      for (const Cell& cell : grid_[r]) {
        if (cell.step >= 0) now += is_forward(cell.step) ? 1 : cell.step == weight ? -1 : 0;
        held[r].push_back(now);
        peak = std::max(peak, now);
      }
    }
    std::vector<std::vector<int>> inputs(grid_.size());  // [rank]: slots of input gradients swept so far, ascending
    sweep([&](Phase phase, int rank, int slot, const Cell& cell) {
      const int moved = phase == Phase::steady ? slot : earliest(rank, slot, cell, held[at(rank)], peak, inputs);
      if (moved < slot) {
        shift(rank, slot, moved);
        const int change = is_forward(cell.step) ? 1 : cell.step == weight ? -1 : 0;
        for (int t = moved; t < slot; ++t) held[at(rank)][at(t)] += change;
      }
      if (is_input(cell.step)) {
        auto& sorted = inputs[at(rank)];
        sorted.insert(std::upper_bound(sorted.begin(), sorted.end(), moved), moved);
      }
    });
  }

  /// The first free slot after what the cell awaits, so that the rank never holds more than `peak`.
  int earliest(int rank, int slot, const Cell& cell, const std::vector<int>& held, int peak,
               const std::vector<std::vector<int>>& inputs) const {
    int after = awaited(rank, cell);
    if (cell.step == weight) after = std::max(after, inputs[at(rank)][at(cell.micro_batch)]);
    int from = after + 1;
    if (is_forward(cell.step)) {
      int low = slot;
      while (low > from && held[at(low - 1)] < peak) --low;
      from = low;
    }
    return first_free(rank, from, slot);
  }

  /// The same order with every step as early as unit times allow.
  void run_eagerly() {
    std::vector<int> next(grid_.size(), 0);
    std::vector<std::vector<Cell>> eager(grid_.size());
    sweep([&](Phase, int rank, int, const Cell& cell) {
      const int slot = std::max(next[at(rank)], awaited(rank, cell) + 1);
      slot_[at(rank)][at(cell.step)][at(cell.micro_batch)] = slot;
      eager[at(rank)].resize(at(slot) + 1);
      eager[at(rank)][at(slot)] = cell;
      next[at(rank)] = slot + 1;
    });
    grid_ = std::move(eager);
  }

  /// What a rank holds where weight gradients run in every free slot that they can.
  struct Held {
    int alive = 0, waiting = 0;
    void step(const Cell& cell) {
      if (cell.step < 0 && waiting > 0) {
        --waiting;
        --alive;
      }
      if (cell.step >= 0 && is_forward(cell.step)) ++alive;
      if (is_input(cell.step)) ++waiting;
    }
    bool operator==(const Held&) const = default;
  };

  void squeeze_end() {
    std::vector<std::vector<Held>> held(grid_.size());
    int peak = 0;
    for (std::size_t r = 0; r < grid_.size(); ++r) {
      Held now;
      for (const Cell& cell : grid_[r]) {
        now.step(cell);
        held[r].push_back(now);
        peak = std::max(peak, now.alive);
      }
    }
    sweep([&](Phase phase, int rank, int slot, const Cell& cell) {
      if (phase != Phase::end) return;
      for (int to = first_free(rank, awaited(rank, cell) + 1, slot); to < slot; to = first_free(rank, to + 1, slot)) {
        shift(rank, slot, to);
        if (held_after(rank, to, slot, held[at(rank)], peak)) return;
        shift(rank, to, slot);
      }
    });
  }

  /// Whether the rank still holds `peak` at most after a step moved from slot `end` to `begin`; if so, notes it.
  bool held_after(int rank, int begin, int end, std::vector<Held>& held, int peak) const {
    std::vector<Held> changed;
    Held now = begin > 0 ? held[at(begin - 1)] : Held{};
    for (int t = begin; at(t) < held.size(); ++t) {
      now.step(grid_[at(rank)][at(t)]);
      if (now.alive > peak) return false;
      if (t > end && now == held[at(t)]) break;
      changed.push_back(now);
    }
    std::ranges::copy(changed, held.begin() + begin);
    return true;
  }

  const int m_;
  std::vector<std::vector<Cell>> grid_;                        // [rank][slot]
  std::vector<std::array<std::vector<int>, all_steps>> slot_;  // [rank][step][micro-batch]
};

/// The grid's order; free slots after the second stage's input gradients serve its weight gradients first.
TrainingOrder order_of(const SlotGrid& grid, int ranks, int micro_batches) {
  TrainingOrder order = v_layout(ranks, micro_batches);
  for (int i = 0; i < ranks; ++i) {
    const int down = i, up = 2 * ranks - 1 - i;
    RankOrder rank(order, i);
    int waiting_up = 0, done_up = 0, done_down = 0;
    for (const Cell& cell : grid.cells(i)) {
      const int k = cell.micro_batch;
      if (cell.step == forward_down) rank.forward(down, k);
      if (cell.step == forward_up) rank.forward(up, k);
      if (cell.step == input_down) rank.input_gradient(down, k);
      if (cell.step == input_up) {
        rank.input_gradient(up, k);
        ++waiting_up;
      }
      if (cell.step != weight) continue;
      if (waiting_up > 0) {
        --waiting_up;
        rank.weight_gradient(up, done_up++);
      } else {
        rank.weight_gradient(down, done_down++);
      }
    }
  }
  return order;
}

TrainingOrder squeezed(const Starts& starts, int micro_batches) {
  SlotGrid grid(starts, micro_batches);
  grid.squeeze();
  return order_of(grid, static_cast<int>(starts.size()), micro_batches);
}

}  // namespace

TrainingOrder v_half(int ranks, int micro_batches) {
  v_layout(ranks, micro_batches);  // refuses sizes that are none
  const int apart = ranks % 2 == 0 ? 3 : 0;
  Starts starts;
  for (int i = 0; i < ranks; ++i)
    starts.push_back({2 * i, 3 * ranks - 2 - i, 3 * ranks - 1 + 2 * i + apart, 6 * ranks - 2 - i + apart});
  return squeezed(starts, micro_batches);
}

TrainingOrder v_min(int ranks, int micro_batches) {
  v_layout(ranks, micro_batches);
  const int apart = ranks % 3 == 0 ? 2 : 0;
  Starts starts;
  for (int i = 0; i < ranks; ++i)
    starts.push_back({i, 2 * ranks - 1 - i, 2 * ranks + i + apart, 4 * ranks - 1 - i + apart});
  return squeezed(starts, micro_batches);
}

}  // namespace ppplan::schedule
