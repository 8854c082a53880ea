#include "traces/op_key.h"

#include <algorithm>
#include <array>
#include <utility>

namespace ppplan::traces {
namespace {

constexpr std::array<std::pair<OpKind, std::string_view>, 15> names{{
    {OpKind::forward, "forward"},
    {OpKind::backward_input, "backward_input"},
    {OpKind::backward_weight, "backward_weight"},
    {OpKind::backward, "backward"},
    {OpKind::forward_backward, "forward_backward"},
    {OpKind::recompute, "recompute"},
    {OpKind::send, "send"},
    {OpKind::recv, "recv"},
    {OpKind::send_gradient, "send_gradient"},
    {OpKind::recv_gradient, "recv_gradient"},
    {OpKind::all_reduce, "all_reduce"},
    {OpKind::all_gather, "all_gather"},
    {OpKind::reduce_scatter, "reduce_scatter"},
    {OpKind::token_return, "token_return"},
    {OpKind::update, "update"},
}};

}  // namespace

std::string_view name(OpKind kind) {
  const auto found = std::ranges::find(names, kind, &std::pair<OpKind, std::string_view>::first);
  return found->second;  // the table holds every enumerator
}

std::optional<OpKind> op_kind(std::string_view name) {
  const auto found = std::ranges::find(names, name, &std::pair<OpKind, std::string_view>::second);
  if (found == names.end()) return std::nullopt;
  return found->first;
}

}  // namespace ppplan::traces
