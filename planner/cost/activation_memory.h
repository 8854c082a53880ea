// What a stage needs at once beside weights and KV: the profile run of max_num_batched_tokens, the sampler, CUDA
// graphs.
//
// T tokens, h hidden, q attention and k KV heads, d head dimension, i intermediate, t tensor parallelism, e bytes per
// element of the activations. The largest layer decides:
//   forward   T e (3 h [+ h if t > 1 since 0.6.5: reduced copy] + widest), behind the first stage + 2 T e h of buffers
//     gqa       (2 q + 2 k) d / t                    query, key, value, output
//     mla       the workspace of prefill: up to 0.7 W e ((q / t) ((n + v) + (n + r)) + c + r), nothing where the
//     profile
//               run passes attention by (0.8 to 0.10), since 0.11 W e (q / t) (n + v),
//               W = max(min(max(8 max_model_len, 4 max_num_seqs block), 64 Ki), max_num_seqs block), with the block
//               that the layers with a state make of it: 3,776 tokens of Kimi-Linear in fp8, 59 GiB with 1,024
//               sequences
//     linear    (2 (2 K + 2 V) + V) / t              K, V = key and value width
//     dense     3 i / t                              gate and up, their product (2 i / t without a gate)
//     experts   min(T, chunk) n (max(2 i / t, h) + i / t) / T + 2 experts, n experts a token, i undivided when whole
//               experts are spread
//   encoder   patches, outputs and cache of the largest items where the stage has a tower (engines/encoder_budget.h),
//             on the first stage alone with model runner V2. Engine V1 keeps outputs and cache until the sampler has
//             run
//   workspace of matrix products, in PyTorch's allocator: 8 MiB, 32 MiB from compute capability 9.0; of a sparse
//             attention's indexer (Di its dimension, m the tokens of an entry): 40 max_model_len / m (Di + 4) bytes
//   sampler   max_num_seqs * vocabulary * bytes a logit, since 0.17 and a buffer of one row for each multiprocessor,
//             and hidden states of T tokens; it runs after the forward pass, so it adds what exceeds that
//             model runner V2: 2 bytes a logit there, and counts for penalties that stay, max_num_seqs * vocabulary *
//             4 1/8 bytes
//             its warm-up, after KV is allocated, sets every sampling parameter in min(max_num_seqs, T / 2) requests:
//             logits 2, fp32 copy 4, and the buffer of rows; what the profile run had less is beside the budget
//   compile   of a start-up that finds nothing compiled: the compiler runs the kernel that reads the embedding with
//             inputs of its own, a table of the embedding's size E among them, so that the peak is E at least; since
//             0.29 as much stays outside of PyTorch. Whether compiled graphs are cached isn't told: half is counted
//   idle      all of these but what start-up runs after KV is allocated: the largest captured size, the sampler
//   graphs    pool + layers * sizes * bytes; sizes 1, 2, 4, 8, 16, ... 248, 256, 272, ... (before 0.12 eights all the
//             way) up to min(2 max_num_seqs, 512), V0 up to max_num_seqs, V1 before 0.10 up to 512 (gpt-oss: 1,024),
//             decode sizes up to max_num_seqs a second time; none with enforce_eager. Sizes and modes that the server
//             is told stand instead. Where the budget loses them it loses an estimate made before capture, which is
//             larger
// Source: vllm/v1/worker/gpu_model_runner.py (profile_run) and the layers at 017e9f4448; constants with their versions
// and sources in planner/catalog/data/memory.json.
#pragma once

#include <cstdint>
#include <string>

#include "planner/engines/kv_groups.h"
#include "planner/engines/memory_rules.h"
#include "planner/spec/plan.h"

namespace ppplan::cost {

struct ActivationMemory {
  std::int64_t forward_bytes = 0;
  std::int64_t encoder_bytes = 0;      // beyond the forward pass
  std::int64_t state_bytes = 0;        // of engine V0: states of max_num_seqs sequences, which stay
  std::int64_t sampler_bytes = 0;      // beyond both
  std::int64_t sampler_run_bytes = 0;  // of the sampler's run alone
  std::int64_t warm_up_bytes = 0;      // of model runner V2's warm-up, beyond all that the profile run frees
  std::int64_t idle_bytes = 0;         // of all three, once graphs are captured, until a full batch of prompts comes
  std::int64_t compile_bytes = 0;      // what a start-up that compiles takes more than one that finds its graphs
  bool operator==(const ActivationMemory&) const = default;
};
/// `latent_block`: tokens of a block of cached latents (latent_block_tokens).
ActivationMemory activation_memory(const spec::Plan& plan, const spec::Stage& stage, const engines::MemoryRules& rules,
                                   int latent_block);
/// What latent attention allocates for cached latents after the profile run, beside the budget: W e (c + r).
std::int64_t latent_workspace_bytes(const spec::Plan& plan, const spec::Stage& stage, const engines::MemoryRules& rules,
                                    int latent_block);
/// Tokens of a block in which the layout keeps whole contexts: more than was asked for where layers with a state stand
/// beside those.
int latent_block_tokens(const spec::Plan& plan, const engines::KvLayout& layout);
/// What FlashInfer keeps beside the budget where it serves attention: of an fp8 KV cache on cards that FlashAttention
/// has no such kernel for, and on compute capability 10.x; a workspace, and one more for each captured decode size.
std::int64_t flashinfer_bytes(const spec::Plan& plan, const spec::Stage& stage, const engines::MemoryRules& rules);
/// The model runner that vLLM chooses for the plan's model is V2.
bool on_v2_runner(const spec::Plan& plan);
bool is_gpt_oss(const spec::Plan& plan);
/// An estimate of CUDA graphs is taken off the budget: since 0.21, by model runner V2 since 0.29 (0 before).
bool graphs_in_budget(const spec::Plan& plan);
/// cudagraph_mode as the engine heeds it: "" where it is its own, or engine V0's.
std::string graph_mode(const spec::Plan& plan, const engines::MemoryRules& rules);
bool captures_graphs(const spec::Plan& plan, const engines::MemoryRules& rules);
/// Layers of the stage times captured graphs, over all sizes and modes; 0 where none are captured.
std::int64_t captured_layers(const spec::Plan& plan, const spec::Stage& stage, const engines::MemoryRules& rules);
std::int64_t cuda_graph_bytes(const spec::Plan& plan, const spec::Stage& stage, const engines::MemoryRules& rules);
/// Captured batch sizes up to `largest`, in steps of 8 below `eights_below` and of 16 from there.
int captured_sizes(int largest, int eights_below);

}  // namespace ppplan::cost
