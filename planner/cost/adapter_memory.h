// Room that a server with --enable-lora keeps in a rank's memory for adapters, whether or not any is loaded.
//
// S adapters of one batch, r their largest rank, e bytes per element of the activations, h hidden, t tensor
// parallelism, q query width (with its gate), k width of keys, i intermediate, n heads, c and l ranks of queries and of
// the latent, p, o, v = nope, rope and value dims, K and V key and value width of linear attention, E experts of a
// rank. Every matrix [out, in] has one of [r, in] and one of [out, r] beside it; a merged matrix one of the first for
// each part. The first is whole on every rank where the matrix's rows are divided, the second where its columns are;
// both are divided with --fully-sharded-loras.
//   bytes     S r e w a layer, w the sum of
//     gqa       whole 4 h                    divided 2 q + 2 k          (with a gate q counts twice in its own matrix)
//     mla       whole 2 h + c + 2 l + o + c + h   divided n (p + o) + n (p + v) + n v   (c = 0: 2 h + l + o + l + h)
//     linear    whole 3 h                    divided 2 K + 3 V
//     dense     whole 3 h                    divided 3 i
//     experts   E (3 h + 3 i / t), since 0.11.1; shared ones as dense
// Adapters of the embedding and of the head, which few models take, are not counted: r (V + h) elements each.
// Source: vllm/lora/layers of v0.5.4 to v0.11.0 (create_lora_weights of column_parallel_linear.py,
// row_parallel_linear.py and replicated_linear.py) and fused_moe.py of v0.11.1.
#pragma once

#include <cstdint>

#include "planner/spec/plan.h"

namespace ppplan::cost {

/// Beside the weights of one layer, on one rank; 0 without LoRA.
std::int64_t adapter_bytes(const spec::Plan& plan, const spec::Layer& layer);

}  // namespace ppplan::cost
