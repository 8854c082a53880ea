// Runs the rows of a PyTorch schedule without any clock, until nothing moves.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "planner/schedule/torch_csv.h"

namespace ppplan::verify {

/// The actions of a row with the parts of overlapped pairs one after another, each with its place in the file.
struct PlacedAction {
  schedule::TorchAction action;
  std::string place;
};
using PlacedRows = std::vector<std::vector<PlacedAction>>;
PlacedRows placed_rows(const schedule::TorchSchedule& schedule);

/// The first action of each rank that never ends; empty when all do. With `transfers` a rank's transfers occupy its one
/// communicator in the order of the row; without, an outcome is everywhere once it is made.
std::vector<PlacedAction> never_ending(const PlacedRows& rows, bool transfers);

}  // namespace ppplan::verify
