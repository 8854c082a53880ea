// Measures this machine's kernels for one model into a profile: engine "ppplan 0.1", device "cpu-core", fp32.
//
// Every operation is measured through the code that a stage runs (host_probe.h), on pinned threads, with every core of
// `cores` busy with the same operation (median_s, p10_s, p90_s, repeats) and alone (alone_s). Sizes are gone through in
// random order, round after round, so that drift of a shared machine spreads over all of them. Times are processor
// times of the thread, which other processes don't lengthen; how much of the cores those took meanwhile stands in
// machine["share_of_other_processes"]. Every few operations the cores measure their speed (core_speed.h);
// core_speed is the median of all those, and every sample is stated for it: stretched by what its core showed just
// before over the median, so that a core that was slow for half of the rounds does not split the samples in two.
// Messages (link "memory") are measured as in link_probe.h when there are two cores.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "exec/profile_point.h"
#include "planner/spec/model_spec.h"
#include "traces/profile.h"

namespace ppplan::exec {

struct HostProfileOptions {
  spec::ModelSpec model;
  std::vector<int> cores;                    // that a plan will keep busy; empty = all allowed
  int max_tokens = 512;                      // of a prefill micro-batch
  int max_batch = 32;                        // sequences of a decode step
  int max_kv = 1024;                         // tokens in the cache before the batch
  std::int64_t max_message_bytes = 1 << 24;  // messages of 1 KiB, 4 KiB, ... up to this
  double budget_s = 40;                      // stops starting rounds when the next would pass it; two are always run
  std::uint64_t seed = 1;
};

/// `progress` is told the finished fraction and what comes next, on the calling thread. Throws InputError for sizes
/// below 16 tokens, 1 sequence or 16 cached tokens, a model that has no layers, or cores that are not allowed.
traces::Profile profile_host(const HostProfileOptions& options,
                             const std::function<void(double fraction, const std::string& what)>& progress);

}  // namespace ppplan::exec
