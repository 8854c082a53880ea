// Public tables of measured costs, read into a Profile.
//
// csv            columns op, tokens, batch, kv_tokens, tp, seconds; may have dtype, p10_s, p90_s, repeats; every other
// column is a
//                dimension of the operation's shape. op "layer" is a whole layer. Without dimensions the rows stand for
//                any model's layer (operation_times.h).
// vidur          microsoft/vidur: mlp, attention and network tables, told apart by their columns
// aiconfigurator ai-dynamo/aiconfigurator: gemm, context_attention, generation_attention, custom_allreduce and nccl
// tables;
//                fitted (fit_operation.h), since they hold 5,000 to 9,000 rows each. vidur's network tables may stand
//                beside them: aiconfigurator has no send/recv.
// llmservingsim  casys-kaist/LLMServingSim: nanoseconds of each operation of a layer. Summed to op "layer", "embedding"
// and "head"
//                (final norm and output projection); the all-reduces of tensor parallelism are not in them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "traces/profile.h"

namespace ppplan::traces {

struct ImportOptions {
  std::string device;           // catalog name, written to the profile
  std::string engine;           // "" = the one that the tables name; csv files name none
  std::string dtype = "bf16";   // of tables that don't tell; 16-bit formats run alike
  Shape shape;                  // of tables that don't tell the model's dimensions; {} stands for any model
  std::string intra_node_link;  // of messages inside a node: "nvlink", "pcie"; "" = as known of the device
  int multiprocessors = 0;      // of the device; 0 = as known of the device, else 1
  int folds = 5;                // of the cross-validation of fits; 0 = none, and no errors stated
  unsigned seed = 1;            // of the folds
};

/// The formats, as written above.
std::vector<std::string> import_formats();

/// `paths` are files, or folders whose *.csv are taken in order of name. Sources and held-out errors are filled in.
/// Throws InputError: unknown format, no tables, missing columns, values that are no times or sizes, tables of several
/// devices.
Profile import_profile(std::string_view format, const std::vector<std::string>& paths, const ImportOptions& options);

}  // namespace ppplan::traces
