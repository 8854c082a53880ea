// Schedules as torch.distributed.pipelining writes and reads them (PyTorch 2.7 and later,
// torch/distributed/pipelining/schedules.py: _Action, _dump_csv, _load_csv, _validate_schedule).
//
// A row per rank, a cell per time step, no header; an empty cell is a step without an action. An action is
// STAGE KIND MICRO-BATCH, "3F0"; stages are counted over the whole model. A pair that runs overlapped is written
// "(0F3;7B1)OVERLAP_F_B". Kinds: F forward, I input gradient, W weight gradient, B both; SEND_F, RECV_F, SEND_B,
// RECV_B, which name the stage on whose side they stand ("0SEND_F3" is received by "1RECV_F3"); UNSHARD, RESHARD and
// REDUCE_GRAD, which have no micro-batch.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ppplan::schedule {

enum class TorchKind {
  forward,
  input_gradient,
  weight_gradient,
  backward,
  send_f,
  recv_f,
  send_b,
  recv_b,
  unshard,
  reshard,
  reduce_grad,
  overlap,  // of the two actions of `parts`
};

constexpr bool is_torch_compute(TorchKind kind) { return kind <= TorchKind::backward; }
constexpr bool is_torch_transfer(TorchKind kind) { return kind >= TorchKind::send_f && kind <= TorchKind::recv_b; }

struct TorchAction {
  TorchKind kind = TorchKind::forward;
  int stage = -1;        // -1 of an overlap
  int micro_batch = -1;  // -1 of an overlap and of what has none
  std::vector<TorchAction> parts;
  bool operator==(const TorchAction&) const = default;
};

/// "0F3", "(0F3;7B1)OVERLAP_F_B".
std::string torch_text(const TorchAction& action);

using TorchRow = std::vector<std::optional<TorchAction>>;  // nothing in a step without an action

struct TorchSchedule {
  std::vector<TorchRow> rows;  // [rank]
  bool operator==(const TorchSchedule&) const = default;
};

/// Where a cell stands, counted from 1: "row 2, column 5".
std::string torch_place(std::size_t row, std::size_t column);

/// Reads the text of a file; `source` names it. Throws InputError with row and column for a cell that is no action, an
/// action that stands twice and a stage on two ranks; with the row for a stage or micro-batch that is left out and
/// gradients that are not whole: of each (stage, micro-batch) there is one forward and one backward or, of it, one
/// input gradient and one weight gradient. Rows of forwards alone are complete too.
TorchSchedule torch_from_csv(std::string_view text, const std::string& source);

/// A line per rank. What torch_from_csv read is written as it was, up to quotes and blanks around cells.
std::string torch_to_csv(const TorchSchedule& schedule);

}  // namespace ppplan::schedule
