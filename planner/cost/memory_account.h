// The memory of one stage on each of its devices, as vLLM accounts for it at start-up.
//
//   budget      ceil(utilization * memory); with kv_cache_memory_bytes what that and the other uses sum to
//   weights     layers of the stage on one rank                       (model_spec.h, layer_bytes), what the engine
//   keeps
//               because of them (kernel_weights.h) and room for adapters (adapter_memory.h)
//   embedding, head, tower   / tp where the stage holds them; a tied head beside the embedding is the same memory
//   draft       draft layers on the last stage, with copies of embedding and head when there are several stages
//   activation  peak of the profile run and what grows outside PyTorch in it (communicators of a fabric too)
//   sampler     beyond that, on the last stage                        (activation_memory.h)
//   cuda_graph  of the budget since 0.21, beside it before and with model runner V2 up to 0.28
//   reserve     corrections that a measured start-up gave for the stage, or for all stages
//   other       CUDA context, communicators (communicator_memory.h), CUDA graphs where they are beside the budget, what
//               the sampler's second run, after KV cache and graphs, takes beyond its first (models with experts since
//               0.14, model runner V2)
//   kv          budget - all of the above but `other`
//   blocks      floor of kv over the bytes of a block                 (engines/kv_groups.h)
//   margin      min(kv - blocks of one request of max_model_len * bytes of a block, free - budget - other); in 0.14 and
//               0.15 one request is the whole model's on every stage  (memory.json, kv_check_whole_model); since 0.20
//               layers with a state need a block for each of max_num_seqs sequences to capture graphs
//               (kv_states_checked)
//   uncertainty of each margin the root of the sum of squares of what its parts may be off by (memory.json,
//               *_uncertainty), what compiling takes counted half and doubted as much; a sampler that may not sort
//               leaves more and never less, the whole of it (sampler_spare); attention that may have stayed in 16 bits
//               (attention_may_be_wide) leaves less and never more. A part that a correction covers counts
//               with 64 MiB and 10 % of the correction instead; one of "kv" covers all of the budget's parts. Stated
//               is the distance from the smaller margin to the end on the side of zero: FITS when both low ends are
//               above it, OOM when one high end is below.
//   kv band     the wider side of the same for the KV bytes alone; none when they are stated
//   verdict     TIGHT when |margin| < uncertainty, else FITS or OOM by its sign
//   failure     the first that is short, in the order of a start-up: free memory for the budget, weights, profile run,
//               sampler, graph capture, KV blocks, one request
// Source: vllm/v1/worker/gpu_worker.py and v1/core/kv_cache_utils.py at 017e9f4448 (2026-08-17); all constants with
// versions and sources in planner/catalog/data/memory.json.
#pragma once

#include "planner/engines/kv_groups.h"
#include "planner/spec/plan.h"

namespace ppplan::cost {

/// The plan's groups of KV layers.
engines::KvLayout kv_layout(const spec::Plan& plan);
/// What is left of a device while a server that converts the layers' weights to fp8 loads them: it holds them in 16
/// bits before 0.13, in both formats in 0.13 and 0.14 (fp8_load_copies times what stays, beyond that). The largest
/// number for other servers.
std::int64_t loading_room_bytes(const spec::Plan& plan, const spec::Stage& stage, const spec::StageMemory& memory);
/// End of the layers whose KV a stage keeps: draft layers follow the model's on the last stage.
int kv_end(const spec::Plan& plan, const spec::Stage& stage);

/// `stage` needs its layer range, ends and devices. The smallest device of the stage decides. unused_bytes is left 0.
spec::StageMemory stage_memory(const spec::Plan& plan, const spec::Stage& stage, const engines::KvLayout& layout);
spec::StageMemory stage_memory(const spec::Plan& plan, const spec::Stage& stage);
/// Of the device that has least.
std::int64_t free_bytes(const spec::Plan& plan, const spec::Stage& stage);
/// Free memory beyond the budget, of the device that has least of it; where the budget counts what others hold, all
/// memory beyond it. `memory` needs its budget.
std::int64_t outside_bytes(const spec::Plan& plan, const spec::Stage& stage, const spec::StageMemory& memory);
/// Blocks that the stage's KV bytes hold; 0 when they are negative.
std::int64_t stage_kv_blocks(const spec::Plan& plan, const spec::Stage& stage, const spec::StageMemory& memory,
                             const engines::KvLayout& layout);
/// Tokens as the server's log counts them; 0 when KV bytes are negative.
std::int64_t stage_kv_tokens(const spec::Plan& plan, const spec::Stage& stage, const spec::StageMemory& memory);
spec::Verdict verdict_of(const spec::StageMemory& memory);
spec::Verdict verdict_of(std::int64_t margin_bytes, std::int64_t uncertainty_bytes);
/// The largest max_model_len, up to the model's or what is asked beyond it, that starts on every stage; 0 when none
/// does. Stages' memory known.
std::int64_t longest_context(const spec::Plan& plan, const engines::KvLayout& layout);
/// Where start-up ends; nothing when no margin is negative.
std::optional<spec::Failure> failure_of(const spec::Plan& plan);

}  // namespace ppplan::cost
