// A plan for other engines and frameworks: what of it they can be told, and what does not carry over.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "planner/spec/plan.h"

namespace ppplan::engines {

enum class Export { vllm, sglang, megatron, deepspeed, torch_csv, llama_cpp };

/// "vllm", "sglang", "megatron", "deepspeed", "torch-csv", "llama-cpp"; nothing for another word.
std::optional<Export> export_kind(std::string_view name);

/// Text that ends with a line's end. vllm, sglang, megatron, llama-cpp: shell, with the notes as comments; deepspeed:
/// JSON, with the notes as a member; torch-csv: a row of actions for each rank ("0F0,0F1,...", as
/// torch.distributed.pipelining reads with format "compute_only"), which has no place for notes.
std::string export_plan(const spec::Plan& plan, Export to);

/// What does not carry over, a sentence each.
std::vector<std::string> export_notes(const spec::Plan& plan, Export to);

}  // namespace ppplan::engines
