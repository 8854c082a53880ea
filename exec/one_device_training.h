// The same training on one device in one thread: what a pipeline must equal.
#pragma once

#include <vector>

#include "exec/training.h"

namespace ppplan::exec {

/// All layers in one stage, micro-batches one after another. Sums follow `order` as training.h says: where stages of a
/// pipe add up their micro-batches in different orders, the pipe's micro-batches pass once for each of these orders.
class OneDeviceTraining {
 public:
  OneDeviceTraining(const TrainingRun& run, const schedule::TrainingOrder& order,
                    const kernels::host::AdamW& optimizer);
  /// Without timelines.
  TrainingStep step();
  NamedArrays weights();

 private:
  struct Pass {
    std::vector<int> micro_batches;
    std::vector<int> stages;  // of the pipe's order: whose arrays are taken from this pass
  };
  std::vector<Pass> passes(const std::vector<int>& pipe) const;
  void run_pass(const Pass& pass, int replica);
  bool trains(const std::vector<int>& stages, std::size_t parameter) const;
  NamedArrays replica_gradients(int replica);

  TrainingRun run_;
  schedule::TrainingOrder order_;
  kernels::host::AdamW optimizer_;
  std::vector<spec::Stage> parts_;  // [stage of the order]
  kernels::host::BufferPool pool_;  // before the stage that draws on it
  TrainingStage stage_;
  std::vector<double> losses_;  // [micro-batch] of the current replica
  int steps_ = 0;
};

}  // namespace ppplan::exec
