// The memory of one stage on each of its devices, as vLLM accounts for it.
//
//   budget      floor(utilization * memory)
//   weights     layers of the stage / tp           (model_spec.h)
//   embedding, head   / tp, where the stage holds them; a tied head on the stage of the embedding is the same memory
//   activation  max_num_batched_tokens * 2 bytes * (2 h + max((q + 2 k) d / t + q d / t, 3 i / t)), plus, on the last
//   stage,
//               logits and the sampler's copy: max_num_seqs * vocabulary * (2 + 4 + 4) bytes
//   cuda_graph  0.15 MiB per layer and captured batch size; sizes 1, 2, 4, 8, 16, ... 248, 256, 272, ... up to
//               min(2 * max_num_seqs, 512); none for ppplan's own host executor   [assumed]
//   other       CUDA context 0.55 GiB and communicators 0.38 GiB when more than one device, outside the budget
//   [assumed] kv          budget - all of the above but `other` margin      min(kv - KV of one request of
//   max_model_len, free - budget - other) uncertainty 0.25 GiB + 1 % of weights + 30 % of (activation + cuda_graph +
//   other)
// KV of a token on a device: per layer 2 * max(1, k / t) * d * bytes; tokens are whole blocks of 16.
// Source: vLLM's worker and KV-cache code (v1/worker/gpu_worker.py, v1/core/kv_cache_utils.py); the parts marked
// assumed are estimates of what vLLM measures at start-up.
#pragma once

#include "planner/spec/plan.h"

namespace ppplan::cost {

/// `stage` needs its layer range, ends and devices. The smallest device of the stage decides.
spec::StageMemory stage_memory(const spec::Plan& plan, const spec::Stage& stage);
/// Tokens that the stage's KV bytes hold; 0 when they are negative.
std::int64_t stage_kv_tokens(const spec::Plan& plan, const spec::Stage& stage, const spec::StageMemory& memory);
spec::Verdict verdict_of(const spec::StageMemory& memory);

}  // namespace ppplan::cost
