// Flags of `vllm serve` and the releases that have them. Data in planner/catalog/data/vllm_flags.json.
#pragma once

#include <string>
#include <vector>

namespace ppplan::engines {

enum class FlagTakes { none, value, list };

struct VllmFlag {
  std::string name;  // "--max-num-seqs"
  std::vector<std::string> aliases;
  FlagTakes takes = FlagTakes::value;
  std::string since;          // "0.5.4" means that or earlier
  std::string until;          // last release that has it; "" = still there
  std::string no_form_since;  // a switch's --no- form; "" = never
  std::string value_until;    // a switch that took an optional True or False up to then; "" = never
  bool modelled = false;      // the planner knows what it does to memory and speed
};

/// The flag of a name or alias ("-tp", "--tensor_parallel_size"), or null.
const VllmFlag* find_flag(const std::string& spelled);
/// The one flag of `version` that begins with `start` ("--tensor"), as argparse completes it, or null.
const VllmFlag* completed_flag(const std::string& start, const std::string& version);
/// False before its first and after its last release.
bool has_flag(const std::string& version, const VllmFlag& flag);
/// True where the switch has a --no- form in `version`.
bool has_no_form(const std::string& version, const VllmFlag& flag);
/// True where the switch takes an optional True or False in `version`.
bool takes_truth(const std::string& version, const VllmFlag& flag);
/// "vLLM 0.26 has no --swap-space: its last release with it is 0.17"; "" when `version` has the flag.
std::string flag_fault(const std::string& version, const VllmFlag& flag);
/// "unknown flag --max-num-seq (did you mean --max-num-seqs?)".
std::string unknown_flag(const std::string& spelled);
/// Dashes for underscores in the name of a long flag.
std::string dashed(std::string flag);

}  // namespace ppplan::engines
