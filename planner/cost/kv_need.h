// KV cache without which a server does not start.
//
//   request   blocks of one request of max_model_len tokens, of the stage's own layers; in 0.14 and 0.15 of the whole
//             model's on every stage                                      (memory.json, kv_check_whole_model)
//   states    where layers keep a state and graphs of decode steps are captured: since 0.20 one block for each of
//             max_num_seqs sequences, from 0.11 to 0.17 for each of the largest captured size (kv_states_checked). Not
//             asked for with speculation, where the attention's kernel decides whether full graphs are captured
//             (config/compilation.py, resolve_cudagraph_mode_and_sizes)
#pragma once

#include <cstdint>

#include "planner/engines/kv_groups.h"
#include "planner/spec/plan.h"

namespace ppplan::cost {

/// Bytes on a device of `stage` for one request of `tokens`.
std::int64_t request_bytes(const spec::Plan& plan, const spec::Stage& stage, const engines::KvLayout& layout,
                           std::int64_t tokens);
/// Bytes of the blocks that graphs are captured with; 0 where none are asked for.
std::int64_t states_bytes(const spec::Plan& plan, const spec::Stage& stage, const engines::KvLayout& layout);
/// The larger of both.
std::int64_t least_kv_bytes(const spec::Plan& plan, const spec::Stage& stage, const engines::KvLayout& layout,
                            std::int64_t tokens);

}  // namespace ppplan::cost
