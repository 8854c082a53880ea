// Runs single operations of a model on one core as a stage of the host backend runs them: through HostStage, over
// several layers in turn, so that a layer's weights have left the caches when it comes up again.
#pragma once

#include <cstdint>
#include <vector>

#include "exec/host_stage.h"
#include "exec/profile_point.h"
#include "exec/run_time.h"

namespace ppplan::exec {

/// Layers of each distinct shape that a probe holds: as many as a stage has when the model is shared out over `cores`,
/// fewer where that many probes would take more than half of the machine's memory, at least one.
int probe_copies(const spec::ModelSpec& model, const ProfileSizes& sizes, std::size_t cores);

/// Not for use by two threads at once.
class HostProbe {
 public:
  HostProbe(const spec::ModelSpec& model, const ProfileSizes& sizes, int copies, std::uint64_t seed);
  /// Runs the operation once; of a layer the mean over its copies.
  RunTime run(const ProfilePoint& point);

 private:
  struct Layers {
    HostStage stage;
    std::vector<KvSet> prefill;  // used in turn, as every prompt has its own
    KvSet decode;
  };
  void run_layers(Layers& layers, const spec::BatchShape& batch);

  int copies_ = 1;
  int vocabulary_ = 0;
  std::vector<Layers> layers_;  // [distinct shape]
  HostStage ends_;
  kernels::host::Buffer in_;
  kernels::host::Buffer out_;
  kernels::host::Buffer logits_;
  std::vector<int> tokens_;
  std::uint64_t seed_ = 0;
  std::uint64_t runs_ = 0;
};

}  // namespace ppplan::exec
