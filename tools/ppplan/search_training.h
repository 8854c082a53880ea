// The training side of `ppplan search`.
#pragma once

#include <optional>
#include <string>

#include "tools/ppplan/context.h"
#include "tools/ppplan/inputs.h"

namespace ppplan::tools {

struct TrainingFlags {
  std::optional<int> global_batch, sequence_length, micro_batch_size, chunks;
  std::string schedule, recompute = "auto", optimizer = "sharded";
};

void add_training_flags(CLI::App& command, TrainingFlags& flags);
/// Prints the result and sets the exit status; `out` receives the best plan where it is not empty.
void search_training(Context& context, const CLI::App& command, const InputFlags& input, const TrainingFlags& flags,
                     int top, const std::string& out);

}  // namespace ppplan::tools
