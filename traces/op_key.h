// The name of one operation of a pipeline: what kind, which stage, which micro-batch. A Schedule plans OpKeys, a
// Timeline reports them, and predicted against measured is a join on them.
#pragma once

#include <compare>
#include <optional>
#include <string_view>

namespace ppplan::traces {

enum class OpKind {
  forward,
  backward_input,    // gradient of the input
  backward_weight,   // gradient of the weights
  backward,          // both
  forward_backward,  // an overlapped pair with its own cost
  recompute,
  send,  // of an output to the next stage
  recv,
  send_gradient,  // of the gradient of a stage's input to the stage before
  recv_gradient,
  all_reduce,
  all_gather,
  reduce_scatter,
  token_return,  // sampled tokens of a decode round, from the last stage back to the first
  update,        // optimizer step
};

/// "forward", "backward_input", ... as written in every document.
std::string_view name(OpKind kind);
/// The kind of that name, or nothing.
std::optional<OpKind> op_kind(std::string_view name);

/// True for the kinds that occupy a device's compute lane.
constexpr bool is_compute(OpKind kind) { return kind <= OpKind::recompute || kind == OpKind::update; }

/// What the other end of a transfer carries: the Recv of a Send, and the Send of a Recv; other kinds stay.
constexpr OpKind received(OpKind kind) {
  return kind == OpKind::send ? OpKind::recv : kind == OpKind::send_gradient ? OpKind::recv_gradient : kind;
}
constexpr OpKind sent(OpKind kind) {
  return kind == OpKind::recv ? OpKind::send : kind == OpKind::recv_gradient ? OpKind::send_gradient : kind;
}

/// `stage` counts pipeline stages, `chunk` the model chunks of a device (0 where there is one), `replica` the
/// data-parallel copy. Of a transfer, `stage` is the stage whose output or gradient travels, on both ends: the Send and
/// the Recv of one transfer differ in `kind` alone.
struct OpKey {
  OpKind kind = OpKind::forward;
  int stage = 0;
  int chunk = 0;
  int micro_batch = 0;
  int replica = 0;
  auto operator<=>(const OpKey&) const = default;
};

}  // namespace ppplan::traces
