#include "planner/verify/torch_claims.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "planner/verify/claim.h"
#include "planner/verify/torch_replay.h"

namespace ppplan::verify {
namespace {

using schedule::TorchAction;
using schedule::TorchKind;
using Cell = std::pair<int, int>;  // (stage, micro-batch)

/// Forwards, gradients of the input and of the weights.
using Counts = std::map<Cell, std::tuple<int, int, int>>;

Counts counts_of(const PlacedRows& rows) {
  Counts counts;
  for (const auto& row : rows)
    for (const auto& [action, place] : row) {
      if (!schedule::is_torch_compute(action.kind)) continue;
      auto& [forward, input, weight] = counts[{action.stage, action.micro_batch}];
      forward += action.kind == TorchKind::forward;
      input += action.kind == TorchKind::backward || action.kind == TorchKind::input_gradient;
      weight += action.kind == TorchKind::backward || action.kind == TorchKind::weight_gradient;
    }
  return counts;
}

bool trains(const Counts& counts) {
  return std::ranges::any_of(counts,
                             [](const auto& one) { return std::get<1>(one.second) + std::get<2>(one.second) > 0; });
}

Check complete_claim(const PlacedRows& rows) {
  const Counts counts = counts_of(rows);
  std::set<int> stages, micro_batches;
  for (const auto& [cell, count] : counts) {
    stages.insert(cell.first);
    micro_batches.insert(cell.second);
  }
  const int gradients = trains(counts) ? 1 : 0;
  Claim claim(fmt::format("each of {} stages runs each of {} micro-batches once{}", stages.size(), micro_batches.size(),
                          gradients > 0 ? ", forward and both gradients" : ", forward alone"));
  for (const int stage : stages)
    for (const int k : micro_batches) {
      const auto found = counts.find({stage, k});
      const auto [forward, input, weight] = found == counts.end() ? std::tuple(0, 0, 0) : found->second;
      claim.require(fmt::format("micro-batch {} on stage {}", k, stage),
                    forward == 1 && input == gradients && weight == gradients,
                    fmt::format("{} forwards, {} input and {} weight gradients", forward, input, weight));
    }
  return claim.check();
}

Check order_claim(const PlacedRows& rows) {
  Claim claim("in each row a gradient follows its forward, and a weight gradient its input gradient");
  for (const auto& row : rows) {
    std::set<Cell> forwarded, input;
    for (const auto& [action, place] : row) {
      const Cell cell{action.stage, action.micro_batch};
      if (action.kind == TorchKind::forward) forwarded.insert(cell);
      if (action.kind == TorchKind::input_gradient) input.insert(cell);
      const bool gradient = action.kind == TorchKind::backward || action.kind == TorchKind::input_gradient;
      if (gradient) claim.require(place, forwarded.contains(cell), torch_text(action) + " before its forward");
      if (action.kind == TorchKind::weight_gradient)
        claim.require(place, input.contains(cell), torch_text(action) + " before its input gradient");
    }
  }
  return claim.check();
}

std::string waiting(const std::vector<PlacedAction>& stuck) {
  std::vector<std::string> texts;
  for (const auto& [action, place] : stuck) texts.push_back(torch_text(action) + " (" + place + ")");
  return fmt::format("these wait for one another: {}", fmt::join(texts, ", "));
}

Check runs_claim(const PlacedRows& rows, const char* text, bool transfers) {
  Claim claim(text);
  const auto stuck = never_ending(rows, transfers);
  claim.require("", stuck.empty(), stuck.empty() ? "" : waiting(stuck));
  return claim.check();
}

/// Where a file names transfers, none that is needed may be missing; a RECV stands before its use.
Check received_claim(const PlacedRows& rows) {
  Claim claim("what comes from another rank is received in the row before it is used");
  std::map<int, std::size_t> rank_of;
  for (std::size_t r = 0; r < rows.size(); ++r)
    for (const auto& [action, place] : rows[r]) rank_of[action.stage] = r;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    std::set<std::pair<TorchKind, Cell>> received;
    for (const auto& [action, place] : rows[r]) {
      const Cell cell{action.stage, action.micro_batch};
      if (schedule::is_torch_transfer(action.kind)) received.insert({action.kind, cell});
      if (!schedule::is_torch_compute(action.kind) || action.kind == TorchKind::weight_gradient) continue;
      const bool forward = action.kind == TorchKind::forward;
      const auto maker = rank_of.find(action.stage + (forward ? -1 : 1));
      if (maker == rank_of.end() || maker->second == r) continue;
      claim.require(place, received.contains({forward ? TorchKind::recv_f : TorchKind::recv_b, cell}),
                    torch_text(action) + " without its " + (forward ? "RECV_F" : "RECV_B"));
    }
  }
  return claim.check();
}

Check memory_claim(const std::vector<int>& peaks, std::optional<int> limit) {
  const std::string held = fmt::format("{}", fmt::join(peaks, ", "));
  if (!limit) return {"memory: (stage, micro-batch) pairs that each rank holds at most", true, held};
  Claim claim(fmt::format("no rank holds more than {} (stage, micro-batch) pairs", *limit));
  for (std::size_t r = 0; r < peaks.size(); ++r)
    claim.require(fmt::format("rank {}", r), peaks[r] <= *limit, std::to_string(peaks[r]));
  Check check = claim.check();
  if (check.holds) check.detail = held;
  return check;
}

}  // namespace

std::vector<int> torch_peaks(const schedule::TorchSchedule& schedule) {
  std::vector<int> peaks;
  for (const auto& row : placed_rows(schedule)) {
    int held = 0, most = 0;
    for (const auto& [action, place] : row) {
      if (action.kind == TorchKind::forward) most = std::max(most, ++held);
      if (action.kind == TorchKind::backward || action.kind == TorchKind::weight_gradient) --held;
    }
    peaks.push_back(most);
  }
  return peaks;
}

std::vector<Check> torch_claims(const schedule::TorchSchedule& schedule, std::optional<int> memory_limit) {
  const PlacedRows rows = placed_rows(schedule);
  const bool talks = std::ranges::any_of(rows, [](const auto& row) {
    return std::ranges::any_of(row, [](const auto& placed) { return is_torch_transfer(placed.action.kind); });
  });
  std::vector<Check> checks = {complete_claim(rows), order_claim(rows),
                               runs_claim(rows, "the computations run to their end", false)};
  if (talks) {
    checks.push_back(received_claim(rows));
    checks.push_back(
        runs_claim(rows, "the transfers cannot deadlock, each rank's one after another on one communicator", true));
  }
  checks.push_back(memory_claim(torch_peaks(schedule), memory_limit));
  return checks;
}

}  // namespace ppplan::verify
