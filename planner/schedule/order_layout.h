// Which rank holds which stages, and a builder of orders on such a layout.
#pragma once

#include <string>

#include "planner/schedule/training_order.h"

namespace ppplan::schedule {

/// `chunks` x `ranks` stages in one pipe, stage s on rank s mod p.
TrainingOrder looped_layout(int ranks, int micro_batches, int chunks);
/// 2p stages in one pipe, stage s on rank s, then 2p - 1 - s.
TrainingOrder v_layout(int ranks, int micro_batches);
/// 2p stages in two pipes: 0 .. p - 1 on ranks 0 .. p - 1 and p .. 2p - 1 on ranks p - 1 .. 0; the first half of the
/// micro-batches takes the first.
TrainingOrder mirrored_layout(int ranks, int micro_batches);
/// Throws InputError unless `found` is at least `least`; "expected at least 1 micro-batches, found 0".
void require_at_least(int least, int found, const std::string& what);

/// The actions of one rank, appended one after another. Micro-batches past the last are left out, so that a rule may
/// count on more of them than there are.
class RankOrder {
 public:
  RankOrder(TrainingOrder& order, int rank) : order_(order), actions_(order.ranks[static_cast<std::size_t>(rank)]) {}
  void add(traces::OpKind kind, int stage, int micro_batch) {
    if (micro_batch < order_.micro_batches) actions_.push_back({kind, stage, micro_batch});
  }
  void forward(int stage, int micro_batch) { add(traces::OpKind::forward, stage, micro_batch); }
  void backward(int stage, int micro_batch) { add(traces::OpKind::backward, stage, micro_batch); }
  void input_gradient(int stage, int micro_batch) { add(traces::OpKind::backward_input, stage, micro_batch); }
  void weight_gradient(int stage, int micro_batch) { add(traces::OpKind::backward_weight, stage, micro_batch); }
  /// An overlapped pair.
  void pair(int forward_stage, int forward_micro_batch, int backward_stage, int backward_micro_batch) {
    actions_.push_back(
        {traces::OpKind::forward_backward, forward_stage, forward_micro_batch, backward_stage, backward_micro_batch});
  }

 private:
  TrainingOrder& order_;
  std::vector<Action>& actions_;
};

}  // namespace ppplan::schedule
