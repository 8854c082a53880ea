// How vLLM splits layers over pipeline stages. Source: vllm/distributed/utils.py get_pp_indices, 0.5.4 to 0.26.
#pragma once

#include <string>
#include <vector>

namespace ppplan::engines {

/// Since 0.8: the remainder goes one each to the stages just before the last. More stages than layers leave empty ones,
/// as they do there. Throws InputError for fewer than one stage or a negative number of layers.
std::vector<int> default_partition(int layers, int stages);
/// Before 0.8: the remainder is all on the last stage. Throws like default_partition.
std::vector<int> default_partition_before_0_8(int layers, int stages);

/// VLLM_PP_LAYER_PARTITION as vLLM parses it: Python's int() on each comma-separated item, then count, then sum, with
/// vLLM's error texts. Zero and negative entries pass here, as they do there: legality is partition_fault.
struct ParsedPartition {
  std::vector<int> layers;
  std::string error;  // vLLM's text; "" when it parsed
};
ParsedPartition parse_partition(const std::string& value, int layers, int stages);

/// "15,16,16,15": the value that parse_partition reads.
std::string partition_text(const std::vector<int>& partition);

/// Why a partition can't run although vLLM parses it ("stage 2 has 0 layers, every stage needs at least 1"); "" when it
/// can.
std::string partition_fault(const std::vector<int>& partition);

}  // namespace ppplan::engines
