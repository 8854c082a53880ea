// What training takes of a rank's memory: state per parameter, and what a micro-batch leaves behind on its way forward.
//
// State per parameter: weights in 16 bits, gradients summed in fp32, and Adam's fp32 copy with two moments:
//   2 + 4 + 12 bytes, the 12 divided over the replicas with a sharded optimizer
// Source: Megatron-LM docs/source/api-guide/dist_optimizer.md (18 bytes a parameter, 6 + 12 / d when distributed).
//
// Activations of a token in a layer, in elements, divided by t ranks of tensor parallelism (with sequence parallelism,
// as Megatron-LM runs it), attention without a matrix of scores (flash attention):
//   block inputs and their norms        4 h
//   attention   gqa                     (q + 2 k) d + q d + 2 q      queries, keys, values, output, log-sum-exp (fp32)
//               mla                     qr + c + r + q (2 (n + r) + 2 v) + 2 q
//               linear                  2 (2 KD + VD) + 2 VD
//   block       dense                   3 i                          gate, up and their product
//               experts                 a (h + 3 i) + 3 shared + 2 E a gathered copy per chosen expert, router in fp32
// The head keeps its input twice and the logits in 16 bits and fp32. Source: Korthikanti et al. 2022, Reducing
// Activation Recomputation in Large Transformer Models, section 4, without dropout and with a gated block.
#pragma once

#include "planner/spec/training_plan.h"

namespace ppplan::cost {

inline constexpr double weight_state_bytes = 2, gradient_state_bytes = 4, optimizer_state_bytes = 12;

/// Bytes that one micro-batch of `tokens` tokens keeps of a layer on one of `tp` ranks until its backward.
double activation_bytes(const spec::ModelSpec& model, const spec::Layer& layer, int tp, double tokens);
/// Of a layer that runs forward again: its input.
double kept_input_bytes(const spec::ModelSpec& model, int tp, double tokens);
/// The one or the other, as the plan's settings say.
double kept_bytes(const spec::TrainingPlan& plan, const spec::Layer& layer);
/// Of the head: logits and what made them.
double loss_bytes(const spec::ModelSpec& model, int tp, double tokens);

/// Parameters of layers [first, end) on one of `tp` ranks, with embedding, and final norm and head, where asked for.
struct HeldParts {
  int first_layer = 0;
  int end_layer = 0;
  bool embedding = false;
  bool head = false;
};
double held_parameters(const spec::ModelSpec& model, const HeldParts& parts, int tp);

}  // namespace ppplan::cost
