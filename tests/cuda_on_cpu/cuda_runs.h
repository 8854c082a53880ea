// Small pipelines for the CUDA backend on the doubles.
#pragma once

#include <vector>

#include "exec/cuda/cuda_pipeline.h"
#include "exec/cuda/nccl_wires.h"
#include "exec/cuda/stream_run.h"
#include "planner/schedule/schedule.h"

namespace ppplan::tests {

/// Layers of hidden 64 with two heads of 64 on one KV head.
spec::ModelSpec small_cuda_model(int layers);

struct CudaCase {
  exec::cuda::CudaRun run;
  schedule::Schedule schedule;
};
/// `partition` over two GPUs; prefill chunks of a prompt, or rounds of decode.
CudaCase prefill_case(const std::vector<int>& partition, int micro_batches, int receive_buffers);
CudaCase decode_case(const std::vector<int>& partition, int cohorts, int rounds, int receive_buffers);
/// Connects every edge of the schedule whose ends are on the run's GPUs.
void connect_all(exec::cuda::NcclWires& wires, const CudaCase& from);
/// GPU of each stage where the run names none: two GPUs in turn.
int gpu_of(const CudaCase& from, int stage);
/// Layers that all differ: the first with experts, one of them shared, and biases; the last with a window and norms of
/// heads.
CudaCase mixed_case(const std::vector<int>& partition, bool decodes);
/// On latents of 256 and 32 values; queries from x where `query_rank` is 0.
spec::Attention latent_attention(int heads, int query_rank);
/// Latent attention of four heads on latents of 256 and 32 values, queries from x in even layers and from a latent of
/// their own in odd ones; experts beside a shared one in every layer but the first.
CudaCase latent_case(const std::vector<int>& partition, bool decodes);

}  // namespace ppplan::tests
