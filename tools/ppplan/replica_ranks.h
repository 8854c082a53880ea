// The ranks of a job as replicas of a plan: data-parallel copies that run side by side, each with micro-batches of its
// own, and have nothing to do with each other but that they fail together.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "exec/group.h"
#include "exec/groups/part_world.h"
#include "exec/launch/job_place.h"
#include "planner/input/document.h"
#include "planner/spec/plan.h"
#include "tools/ppplan/executed.h"

namespace ppplan::tools {

/// Where a rank of the job stands: replicas come one after another.
struct ReplicaPlace {
  int ranks = 1;     // of each replica
  int replicas = 1;  // of the job
  int replica = 0;
  int rank = 0;  // within the replica
  int first() const { return replica * ranks; }
};

/// Throws InputError for a job whose ranks are not those of one to plan.parallel.dp replicas of `ranks` each.
ReplicaPlace replica_place(const spec::Plan& plan, const exec::launch::JobPlace& place, int ranks);

/// As many of the plan's replicas as `room` has place for, at least one.
int replicas_for(const spec::Plan& plan, int ranks, int room);

/// All ranks of the job.
std::unique_ptr<exec::Group> everyone_of(exec::groups::World& world);

/// Replica r goes through the run with this seed, so that its micro-batches are its own.
std::uint64_t seed_of(std::uint64_t seed, int replica);

/// Median of the repeats.
double median_makespan_s(const std::vector<traces::Timeline>& measured);

/// On rank 0 of the job one number of each replica's rank 0; nothing elsewhere. All ranks call it. Throws GroupError.
std::vector<double> of_every_replica(exec::Group& everyone, const ReplicaPlace& place, double own);

/// Of a run of replicas: how many of the plan's ran, and how long each took; "" for a plan of one.
std::string replicas_text(const Execution& execution);
/// {"planned", "ran", "makespans_s"}.
input::Json replicas_json(const Execution& execution);

}  // namespace ppplan::tools
