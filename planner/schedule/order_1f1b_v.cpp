// 1F1B on a V: whole gradients, each two slots long, in a block of six slots.
#include <algorithm>
#include <array>

#include "planner/schedule/building_block.h"
#include "planner/schedule/order_layout.h"

namespace ppplan::schedule {
namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

/// Steps of a micro-batch on a rank; a gradient takes its own slot and, as a step of its own, the next one.
enum Step { forward_down, forward_up, gradient_up, gradient_down, rest_up, rest_down };
constexpr int steps = 6;

struct Cell {
  int step = -1;
  int micro_batch = 0;
};

class OneFOneBV {
 public:
  OneFOneBV(int ranks, int micro_batches) : p_(ranks), m_(micro_batches), starts_(at(ranks)), grid_(at(ranks)) {
    place_first();
    for (int r = 0; r < p_; ++r) {
      slot_.emplace_back();
      for (auto& slots : slot_.back()) slots.assign(at(m_), -1);
      for (int step = 0; step < steps; ++step)
        for (int k = 0; k < m_; ++k) put(r, starts_[at(r)][at(step)] + 6 * k, {step, k});
    }
  }

  TrainingOrder order() {
    squeeze();
    TrainingOrder order = v_layout(p_, m_);
    for (int i = 0; i < p_; ++i) {
      RankOrder rank(order, i);
      for (const Cell& cell : grid_[at(i)]) {
        if (cell.step == forward_down) rank.forward(i, cell.micro_batch);
        if (cell.step == forward_up) rank.forward(2 * p_ - 1 - i, cell.micro_batch);
        if (cell.step == gradient_up) rank.backward(2 * p_ - 1 - i, cell.micro_batch);
        if (cell.step == gradient_down) rank.backward(i, cell.micro_batch);
      }
    }
    return order;
  }

 private:
  /// The first micro-batch's slots: down and up without a pause, then back; every third gradient pauses three slots so
  /// that no two steps of a rank share a slot of the block.
  void place_first() {
    int now = 0;
    for (int r = 0; r < p_; ++r) starts_[at(r)][forward_down] = now++;
    for (int r = p_ - 1; r >= 0; --r) starts_[at(r)][forward_up] = now++;
    if (p_ % 3 == 0) now += 3;
    int since_pause = (3 - (p_ + 2) % 3) % 3;
    const auto gradient = [&](int r, Step own, Step rest) {
      starts_[at(r)][own] = now;
      starts_[at(r)][rest] = now + 1;
      now += 2;
      if (++since_pause == 3) {
        since_pause = 0;
        now += 3;
      }
    };
    for (int r = 0; r < p_; ++r) gradient(r, gradient_up, rest_up);
    for (int r = p_ - 1; r >= 0; --r) gradient(r, gradient_down, rest_down);
  }

  void put(int rank, int slot, Cell cell) {
    auto& cells = grid_[at(rank)];
    if (cells.size() <= at(slot)) cells.resize(at(slot) + 1);
    cells[at(slot)] = cell;
  }

  static bool is_forward(int step) { return step == forward_down || step == forward_up; }
  static bool is_gradient(int step) { return step == gradient_up || step == gradient_down; }
  static bool is_rest(int step) { return step >= rest_up; }
  bool free(int rank, int slot) const {
    const auto& cells = grid_[at(rank)];
    return at(slot) >= cells.size() || cells[at(slot)].step < 0;
  }

  /// The last slot of what a step has to come after.
  int awaited(int rank, const Cell& cell) const {
    const auto of = [&](int r, int step) { return slot_[at(r)][at(step)][at(cell.micro_batch)]; };
    const int before = cell.micro_batch > 0 ? slot_[at(rank)][at(cell.step)][at(cell.micro_batch - 1)] : -1;
    const bool first = rank == 0, last = rank == p_ - 1;
    int awaits = -1;
    if (cell.step == rest_up) awaits = of(rank, gradient_up);
    if (cell.step == rest_down) awaits = of(rank, gradient_down);
    if (cell.step == forward_down && !first) awaits = of(rank - 1, forward_down);
    if (cell.step == forward_up) awaits = last ? of(rank, forward_down) : of(rank + 1, forward_up);
    if (cell.step == gradient_up) awaits = first ? of(rank, forward_up) : of(rank - 1, rest_up);
    if (cell.step == gradient_down) awaits = last ? of(rank, rest_up) : of(rank + 1, rest_down);
    return std::max(before, awaits);
  }

  void squeeze() {
    measure();
    std::size_t slots = 0;
    for (const auto& cells : grid_) slots = std::max(slots, cells.size());
    for (std::size_t t = 0; t < slots; ++t)
      for (int r = 0; r < p_; ++r)
        if (t < grid_[at(r)].size() && grid_[at(r)][t].step >= 0) move(r, static_cast<int>(t));
  }

  void measure() {
    for (const auto& cells : grid_) {
      int now = 0;
      held_.emplace_back();
      for (const Cell& cell : cells) {
        if (cell.step >= 0) now += is_forward(cell.step) ? 1 : is_rest(cell.step) ? -1 : 0;
        held_.back().push_back(now);
        peak_ = std::max(peak_, now);
      }
    }
  }

  void move(int rank, int slot) {
    auto& cells = grid_[at(rank)];
    const Cell cell = cells[at(slot)];
    const int to = earliest(rank, slot, cell);
    slot_[at(rank)][at(cell.step)][at(cell.micro_batch)] = to;
    if (to == slot) return;
    cells[at(slot)] = {};
    cells[at(to)] = cell;
    const int change = is_forward(cell.step) ? 1 : is_rest(cell.step) ? -1 : 0;
    for (int t = to; change != 0 && t < slot; ++t) held_[at(rank)][at(t)] += change;
  }

  /// A forward only so early that the rank never holds more than it ever does; a gradient needs two free slots.
  int earliest(int rank, int slot, const Cell& cell) const {
    int to = awaited(rank, cell) + 1;
    if (is_forward(cell.step)) {
      int low = slot;
      while (low > to && held_[at(rank)][at(low - 1)] < peak_) --low;
      to = low;
    }
    while (to < slot && !(free(rank, to) && (!is_gradient(cell.step) || free(rank, to + 1)))) ++to;
    return to;
  }

  const int p_, m_;
  std::vector<std::array<int, steps>> starts_;             // [rank][step] of micro-batch 0
  std::vector<std::vector<Cell>> grid_;                    // [rank][slot]
  std::vector<std::array<std::vector<int>, steps>> slot_;  // [rank][step][micro-batch], once moved
  std::vector<std::vector<int>> held_;                     // [rank][slot]
  int peak_ = 0;
};

}  // namespace

TrainingOrder one_f_one_b_v(int ranks, int micro_batches) {
  v_layout(ranks, micro_batches);  // refuses sizes that are none
  return OneFOneBV(ranks, micro_batches).order();
}

}  // namespace ppplan::schedule
