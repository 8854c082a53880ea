#include "planner/schedule/torch_check.h"

#include <algorithm>
#include <map>
#include <utility>

#include "planner/input/input_error.h"

namespace ppplan::schedule {
namespace {

struct Place {
  std::size_t row = 0, column = 0;
};

std::string of(int stage, int micro_batch) {
  return "micro-batch " + std::to_string(micro_batch) + " on stage " + std::to_string(stage);
}

class Checker {
 public:
  explicit Checker(const std::string& source) : source_(source) {}

  void add(const TorchSchedule& schedule) {
    for (std::size_t row = 0; row < schedule.rows.size(); ++row) {
      bool acts = false;
      for (std::size_t column = 0; column < schedule.rows[row].size(); ++column)
        if (const auto& action = schedule.rows[row][column]) {
          enter(*action, {row, column});
          acts = true;
        }
      if (!acts) fail(row_text(row), "at least one action", "none");
    }
  }

  void finish() const {
    check_stages();
    for (const auto& [stage, row] : row_of_)
      for (int k = 0; k < micro_batches_; ++k) check_cell(stage, k, row);
    check_transfers();
  }

 private:
  using Cell = std::pair<int, int>;  // (stage, micro-batch)

  [[noreturn]] void fail(const std::string& place, const std::string& expected, const std::string& found) const {
    throw input::InputError(source_, place, expected, found);
  }
  static std::string row_text(std::size_t row) { return "row " + std::to_string(row + 1); }
  bool has(TorchKind kind, Cell cell) const { return seen_.contains({kind, cell}); }

  void enter(const TorchAction& action, Place place) {
    for (const TorchAction& part : action.parts) enter(part, place);
    if (action.kind == TorchKind::overlap) return;
    const std::string text = torch_text(action), here = torch_place(place.row, place.column);
    const auto [owner, first] = row_of_.try_emplace(action.stage, place.row);
    if (owner->second != place.row)
      fail(here, "every action of stage " + std::to_string(action.stage) + " in " + row_text(owner->second), text);
    if (action.micro_batch < 0) return;  // weights may be gathered and let go more than once
    micro_batches_ = std::max(micro_batches_, action.micro_batch + 1);
    trains_ = trains_ || (is_torch_compute(action.kind) && action.kind != TorchKind::forward);
    talks_ = talks_ || is_torch_transfer(action.kind);
    const auto [seen, fresh] = seen_.try_emplace({action.kind, {action.stage, action.micro_batch}}, place);
    if (!fresh)
      fail(here, "each action once", text + " again, after " + torch_place(seen->second.row, seen->second.column));
  }

  void check_stages() const {
    int next = 0;
    for (const auto& [stage, row] : row_of_) {
      if (stage != next)
        fail(row_text(row), "every stage from 0 to " + std::to_string(row_of_.rbegin()->first) + " in some row",
             "none of stage " + std::to_string(next));
      ++next;
    }
  }

  void check_cell(int stage, int micro_batch, std::size_t row) const {
    const Cell cell{stage, micro_batch};
    if (!has(TorchKind::forward, cell)) fail(row_text(row), "a forward of " + of(stage, micro_batch), "none");
    if (!trains_) return;
    const bool whole = has(TorchKind::backward, cell), input = has(TorchKind::input_gradient, cell),
               weight = has(TorchKind::weight_gradient, cell);
    if (whole ? !input && !weight : input && weight) return;
    fail(row_text(row), "B, or I and W, of " + of(stage, micro_batch),
         whole    ? std::string("B and ") + (input ? "I" : "W")
         : input  ? "I without W"
         : weight ? "W without I"
                  : "neither");
  }

  /// Where a file names transfers, it names both ends of each.
  void check_transfers() const {
    if (!talks_) return;
    for (const auto& [what, place] : seen_) {
      const auto [kind, cell] = what;
      if (!is_torch_transfer(kind)) continue;
      const bool forward = kind == TorchKind::send_f || kind == TorchKind::recv_f;
      const bool sends = kind == TorchKind::send_f || kind == TorchKind::send_b;
      const TorchKind other =
          forward ? (sends ? TorchKind::recv_f : TorchKind::send_f) : (sends ? TorchKind::recv_b : TorchKind::send_b);
      const Cell there{cell.first + (forward == sends ? 1 : -1), cell.second};
      if (!has(other, there))
        fail(torch_place(place.row, place.column),
             "the other end, " + torch_text({other, there.first, there.second, {}}) + ", in some row", "none");
    }
  }

  const std::string& source_;
  std::map<int, std::size_t> row_of_;  // by stage
  std::map<std::pair<TorchKind, Cell>, Place> seen_;
  int micro_batches_ = 0;
  bool trains_ = false, talks_ = false;
};

}  // namespace

void check_torch(const TorchSchedule& schedule, const std::string& source) {
  Checker checker(source);
  checker.add(schedule);
  checker.finish();
}

}  // namespace ppplan::schedule
