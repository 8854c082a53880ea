// What a batch costs on a device: from measured profiles where they hold the operations, from the stated roofline
// otherwise.
//
// A layer from a GPU profile is the sum of its GEMMs, its attention, its all-reduces over the tensor-parallel group,
// and of norms, rotary embedding and activation as memory traffic (layer_operations.h). A layer from a host profile was
// measured whole. Where a profile lacks one of the operations, the roofline of roofline.h stands in for that operation
// and the origin says so.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "planner/spec/cluster_spec.h"
#include "planner/spec/model_spec.h"
#include "planner/spec/plan.h"
#include "planner/spec/workload.h"
#include "traces/operation_times.h"

namespace ppplan::cost {

/// Which way a time became known, worst part counting.
enum class Origin { measured, fitted, roofline, assumed };
std::string_view name(Origin origin);

struct LayerTimes {
  std::vector<double> layer_s;  // [layer]
  double embedding_s = 0;
  double head_s = 0;  // for shape.sequences sampled tokens; 0 when the shape samples nothing
  double relative_error = 0;
  bool outside = false;
  double alone_fraction = 1;  // of the sum of all, while every other core idles
  int busy_cores = 0;         // traces::Profile::busy_cores
  Origin origin = Origin::measured;
  std::string engine;           // whose kernels
  std::string profile;          // "" of a roofline
  double core_speed = 0;        // traces::Profile::core_speed
  double alone_core_speed = 0;  // traces::Profile::alone_core_speed
};

struct MessageTime {
  double latency_s = 0;  // what no link shares
  double relative_error = 0;
  Origin origin = Origin::measured;
};

/// A set of profiles and the answers already given. Not for use by several threads at once.
class CostBook {
 public:
  struct Entry {
    std::string name;  // file, or name of the shipped profile
    traces::OperationTimes times;
  };
  /// Earlier entries are preferred. Profiles apply to devices of their name.
  explicit CostBook(std::vector<Entry> profiles);

  /// All layers of `model` on one tensor-parallel group of `tp` devices like `device` whose ranks talk over `tp_link`.
  const LayerTimes& layer_times(const spec::ModelSpec& model, const spec::Device& device, int tp,
                                spec::LinkKind tp_link, const spec::BatchShape& shape);
  /// Software part of a message of `bytes` that alone on its route would move at `bandwidth`: what a measured send/recv
  /// curve says minus bytes/bandwidth, at least 0; stated defaults per kind of link where nothing was measured.
  MessageTime message(const spec::Device& sender, spec::LinkKind kind, double bandwidth_bytes_per_s,
                      double bytes) const;

 private:
  std::vector<Entry> profiles_;
  std::map<std::string, LayerTimes> memo_;
};

/// The profiles that ship with ppplan, one per device kind: names and contents.
std::vector<CostBook::Entry> shipped_profiles();

}  // namespace ppplan::cost
