// CUDA graphs that a server's line asks for: --cudagraph-capture-sizes, --max-cudagraph-capture-size,
// --cuda-graph-sizes, and cudagraph_capture_sizes, max_cudagraph_capture_size, cudagraph_mode, use_cudagraph, level or
// mode of --compilation-config (-O, -cc), as JSON or as one number.
//   level         of engine V1 before 0.12: 3 compiles and captures, less captures nothing
//   optimization  since 0.12: 0 captures nothing, 1 piecewise graphs alone, 2 and 3 the version's own
// Source: vllm/config/compilation.py, vllm/config/vllm.py and vllm/v1/worker/gpu_model_runner.py (use_cuda_graph) of
// v0.8.5, v0.9.2 and v0.12.0.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "planner/engines/serve_line.h"

namespace ppplan::engines {

struct LineGraphs {
  std::vector<int> sizes;      // tokens, ascending, each once
  std::optional<int> largest;  // where the line states that alone
  std::string mode;            // as spec::GraphSettings has it
};

/// Values that are none of these are left to vLLM. Version "" = the newest. Throws InputError for a version that is
/// none.
LineGraphs graphs_of_line(const ServeLine& line, const std::string& vllm_version);

/// The sizes that a version captures of itself up to `largest` tokens.
std::vector<int> captured_batches(int largest, const std::string& vllm_version);
/// The size behind `size` of those: 1, 2, 4, 8, 16, ... in steps of 8 below `eights_below` and of 16 from there.
int next_captured(int size, int eights_below);

}  // namespace ppplan::engines
