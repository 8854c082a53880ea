// What a profile of a GPU has measured so far, so that a later run goes on from there: raw samples of each point.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "exec/cuda_execution.h"
#include "exec/profile_point.h"
#include "traces/profile.h"

namespace ppplan::exec {

using Facts = std::map<std::string, std::string>;

/// Seconds of each run of one operation at one size, as in CudaProfile: as many of graphs as launched eagerly.
struct PointSamples {
  ProfilePoint point;
  std::vector<double> graph_s, eager_s;
};

/// Points that one stage runs: of one kind and layer shape.
struct GroupProgress {
  PointKind kind = PointKind::layer;
  int shape = 0;                     // as ProfilePoint::shape
  bool finished = false;             // its rounds or its time ended
  double spent_s = 0;                // on samples
  std::vector<PointSamples> points;  // those measured at least once
  std::vector<GemmChoice> gemms;     // of these points
};

struct ProfileProgress {
  Facts machine;                   // what measurements that may be mixed have in common, and when this began ("date")
  std::vector<std::string> dates;  // of earlier runs, which ended before they were finished
  std::vector<GroupProgress> groups;
  std::vector<traces::LinkSample> links;
};

/// Where progress is kept between runs. Both may be empty: nothing is taken up, nothing kept.
struct ProfileKeeper {
  /// What was measured under these facts before, or nothing. Asked once, before anything is measured.
  std::function<ProfileProgress(const Facts&)> taken_up;
  /// Told after each point; what it throws ends the run.
  std::function<void(const ProfileProgress&)> keep;
};

/// "cuda_driver (12.4, now 13.0), gpu (none, now ...)": facts that keep measurements from being mixed, "" when there
/// are none. Date and load are no such facts.
std::string differences(const Facts& before, const Facts& now);

/// What is kept of a point's group, and of the point; makes what isn't there.
GroupProgress& group_of(ProfileProgress& progress, const ProfilePoint& point);
PointSamples& samples_of(GroupProgress& group, const ProfilePoint& point);
/// Whether each of them has samples.
bool has_all(const GroupProgress& group, const std::vector<ProfilePoint>& points);
/// Adds those whose product isn't there yet.
void merge(std::vector<GemmChoice>& into, const std::vector<GemmChoice>& more);
/// Points that have samples.
std::size_t measured_points(const ProfileProgress& progress);

}  // namespace ppplan::exec
