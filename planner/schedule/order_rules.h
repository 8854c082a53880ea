// Named training orders by rule. `ranks` p >= 1, `micro_batches` m >= 1; stage s of a chain is on rank s mod p unless a
// rule says otherwise. Each throws InputError where p, m or chunks allow no such order.
//
// Sources: Megatron-LM (pipeline_parallel/schedules.py), torch.distributed.pipelining 2.7, sail-sg
// zero-bubble-pipeline-parallelism, deepseek-ai/DualPipe; read for their rules.
#pragma once

#include "planner/schedule/training_order.h"

namespace ppplan::schedule {

/// All forwards, then all backwards in the same order. Huang et al., GPipe.
TrainingOrder gpipe(int ranks, int micro_batches);
/// p - 1 - i forwards of warm-up on rank i, then forward and backward in turn. PipeDream-flush, Megatron's default.
TrainingOrder one_f_one_b(int ranks, int micro_batches);
/// 1F1B over `chunks` v stages a rank; visit k is of chunk (k / g) mod v in groups of g micro-batches (0: g = p). The
/// last may be short, but takes what is left over when that is fewer than p, which Megatron refuses. Warm-up of rank i:
/// 2 (p - 1 - i) + (v - 1) g forwards. Megatron's interleaved schedule.
TrainingOrder interleaved(int ranks, int micro_batches, int chunks, int group = 0);
/// Interleaved in groups of g with p - 1 - i + (v - 1) g forwards of warm-up, gradients split, each weight gradient
/// right after its input gradient: half the activations of `interleaved` at about its makespan. PipeOffload.
TrainingOrder group_interleaved(int ranks, int micro_batches, int chunks, int group);
/// Chunk by chunk all forwards, then chunk by chunk backwards in reverse. Lamy-Poirier; PyTorch's LoopedBFS.
TrainingOrder looped_bfs(int ranks, int micro_batches, int chunks);
/// 1F1B's warm-up with gradients split: from the i-th input gradient on, each is followed by the weight gradient of i
/// micro-batches before. As many activations as 1F1B. Qi et al., Zero Bubble Pipeline Parallelism.
TrainingOrder zb_h1(int ranks, int micro_batches);
/// Twice the warm-up and twice the lag: no bubble in the span when forward and gradients last equally long.
TrainingOrder zb_h2(int ranks, int micro_batches);
/// Two stages a rank in the shape of a V (s on rank s, then back), by PyTorch's rule. With m < 2p - 1 it leaves holes.
TrainingOrder zbv(int ranks, int micro_batches);
/// Two mirrored pipes, each with half of the micro-batches; p even, m even, m >= 2p. DeepSeek-V3.
TrainingOrder dualpipe(int ranks, int micro_batches);
/// The same on one V of 2p stages, m >= 2p.
TrainingOrder dualpipe_v(int ranks, int micro_batches);

}  // namespace ppplan::schedule
