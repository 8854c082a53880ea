// ppplan profile --backend cuda: a GPU's kernels and links.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "exec/profile_point.h"
#include "tools/ppplan/context.h"

namespace ppplan::tools {

struct GpuProfileFlags {
  std::string model;      // as --model names it
  std::string transport;  // "" is local
  int gpu = 0;
  int slice = 0;
  std::optional<int> max_tokens, max_batch, max_kv;
  std::optional<std::int64_t> max_message_bytes;
  std::optional<double> seconds, warm_up_s;
  std::string out;
};

/// Measures, writes and prints the profile. Its device is the catalog's name of the card where it knows the driver's;
/// of a slice with its multiprocessors behind it: "h200-32sm".
/// With `out`, what was measured is kept beside it (kept_profile.h), so that a run that was ended is gone on with.
/// Exit 6 where Ctrl-C ends it. Exit 3, with a sentence, where layers and caches don't fit. Throws Unavailable without
/// a device or a library.
void profile_gpu(Context& context, const GpuProfileFlags& flags);

}  // namespace ppplan::tools
