// Orders on a V (rank i holds stages i and 2p - 1 - i) that repeat one block of six unit slots for every micro-batch,
// squeezed at both ends without holding more. They depend on counts alone; times follow from the costs.
//
// A micro-batch starts on rank i at these slots, first and second forward, then the input gradients in reverse:
//   v-half   2i, 3p - 2 - i, 3p - 1 + 2i + a, 6p - 2 - i + a   a = 3 for even p, else 0; holds p + 2 of 2p at most
//   v-min    i, 2p - 1 - i, 2p + i + a, 4p - 1 - i + a         a = 2 where 3 divides p, else 0; p + 4 of 2p
//   1f1b-v   whole gradients of two slots each; 3/4 of what 1F1B holds
// Weight gradients of the first two fill free slots. Source: sail-sg zero-bubble-pipeline-parallelism,
// scheduler/zbv_greedy.py and v1f1b.py, read for their rules.
#pragma once

#include "planner/schedule/training_order.h"

namespace ppplan::schedule {

TrainingOrder v_half(int ranks, int micro_batches);
TrainingOrder v_min(int ranks, int micro_batches);
TrainingOrder one_f_one_b_v(int ranks, int micro_batches);

}  // namespace ppplan::schedule
