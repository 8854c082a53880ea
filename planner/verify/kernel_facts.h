// What an engine keeps because of its weights beyond them, recomputed from the document: copies of latent attention's
// projections, mxfp4 experts as their kernel holds them, the table of rotary positions, room for LoRA adapters.
#pragma once

#include <string>

#include "planner/input/document.h"

namespace ppplan::verify {

/// Where the engine runs a layer.
struct KernelPlace {
  std::int64_t tp = 1;
  std::int64_t expert_ranks = 0;        // over which whole experts are spread; 0 = each is divided over tp
  std::int64_t compute_capability = 0;  // 90 of a 9.0 card; 0 = not known
  std::string vllm;                     // "" = the newest
  std::string moe_backend;              // kernel of the experts that is asked for, "" = none is
  double adapter_ranks = 0;             // LoRA: adapters of one batch times their rank
  bool divided_adapters = false;        // all their parts over tp
};

/// Beside a layer's weights on one rank. `run` is an entry of the model's `layers`.
double kept_bytes(const input::Node& model, const input::Node& run, const KernelPlace& place);
/// On every rank once; 0 where each layer keeps its own.
double rotary_bytes(const input::Node& model, const std::string& vllm);

}  // namespace ppplan::verify
