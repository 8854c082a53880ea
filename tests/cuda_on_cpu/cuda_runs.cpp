#include "tests/cuda_on_cpu/cuda_runs.h"

#include "exec/rank_run.h"
#include "tests/cuda_on_cpu/nccl.h"
#include "tests/exec/schedules.h"

namespace ppplan::tests {
namespace {

exec::cuda::CudaRun run_of(const std::vector<int>& partition, int receive_buffers) {
  exec::cuda::CudaRun run;
  int next = 0;
  for (const int layers : partition) {
    spec::Stage stage;
    stage.first_layer = next;
    stage.end_layer = next += layers;
    run.stages.push_back(stage);
  }
  run.stages.front().embedding = true;
  run.stages.back().head = true;
  run.model = small_cuda_model(next);
  run.receive_buffers = receive_buffers;
  run.keeps_logits = true;
  run.workspace_bytes = 256;
  return run;
}

}  // namespace

spec::Attention latent_attention(int heads, int query_rank) {
  spec::Attention out;
  out.kind = spec::AttentionKind::mla;
  out.heads = heads;
  out.q_lora_rank = query_rank;
  out.kv_lora_rank = 256;
  out.nope_dim = 16;
  out.rope_dim = 32;
  out.value_dim = 8;
  return out;
}

spec::ModelSpec small_cuda_model(int layers) {
  spec::ModelSpec model;
  model.name = "small";
  model.hidden = 64;
  model.vocabulary = 48;
  model.layers.resize(static_cast<std::size_t>(layers));
  for (spec::Layer& layer : model.layers) {
    layer.attention = {spec::AttentionKind::gqa, 2, 1, 64, 0, false, false};
    layer.feed_forward.intermediate = 32;
  }
  return model;
}

CudaCase prefill_case(const std::vector<int>& partition, int micro_batches, int receive_buffers) {
  CudaCase out{run_of(partition, receive_buffers), {}};
  out.run.micro_batches = exec::prefill_micro_batches({{1, 3, 0, false}, {1, 2, 3, true}}, micro_batches);
  out.schedule = forward_schedule(static_cast<int>(partition.size()), micro_batches, receive_buffers);
  return out;
}

int gpu_of(const CudaCase& from, int stage) {
  return from.run.gpus.empty() ? stage % 2 : from.run.gpus[static_cast<std::size_t>(stage)];
}

void connect_all(exec::cuda::NcclWires& wires, const CudaCase& from) {
  for (const auto& edge : exec::rank_layout(from.schedule).edges) {
    exec::cuda::NcclId id{};
    PPPLAN_CHECK_NCCL(cuda_on_cpu::nccl_calls(), ncclGetUniqueId(&id));
    wires.connect(edge, id, gpu_of(from, edge.from), gpu_of(from, edge.to));
  }
}

CudaCase mixed_case(const std::vector<int>& partition, bool decodes) {
  CudaCase out = decodes ? decode_case(partition, 2, 2, 2) : prefill_case(partition, 4, 2);
  spec::Layer& experts = out.run.model.layers.front();
  experts.feed_forward = {spec::FeedForwardKind::moe, 24, 4, 2, 16};
  experts.attention.qkv_bias = true;
  spec::Layer& window = out.run.model.layers.back();
  window.attention.kind = spec::AttentionKind::sliding_window;
  window.attention.window = 3;
  window.attention.qk_norm = true;
  out.run.model.tied_embedding = true;
  return out;
}

CudaCase latent_case(const std::vector<int>& partition, bool decodes) {
  CudaCase out = decodes ? decode_case(partition, 2, 2, 2) : prefill_case(partition, 4, 2);
  std::vector<spec::Layer>& layers = out.run.model.layers;
  for (std::size_t index = 0; index < layers.size(); ++index) {
    layers[index].attention = latent_attention(4, index % 2 == 0 ? 0 : 24);
    if (index > 0) layers[index].feed_forward = {spec::FeedForwardKind::moe, 24, 4, 2, 16};
  }
  return out;
}

CudaCase decode_case(const std::vector<int>& partition, int cohorts, int rounds, int receive_buffers) {
  CudaCase out{run_of(partition, receive_buffers), {}};
  out.run.micro_batches = exec::decode_micro_batches({1, 1, 5, true}, cohorts, rounds);
  out.schedule = decode_schedule(static_cast<int>(partition.size()), cohorts, rounds, receive_buffers);
  return out;
}

}  // namespace ppplan::tests
