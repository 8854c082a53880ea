// Runs a schedule on the streams of GPUs. One thread enqueues everything in an order in which every op comes behind
// what it waits for, and waits for nothing itself; on the GPUs each lane is a stream, and events hold an op back until
// what it depends on has ended: the activities of activity_graph.h, whose edges these are. It decides nothing.
//
// A transfer has a stream on each side. The Timeline comes from events: seconds on the clock of the first GPU, to which
// every other GPU's is set by one event at the start (late by what an event takes from GPU to GPU, some microseconds).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "exec/activity_graph.h"
#include "exec/cuda/stream_backend.h"
#include "kernels/cuda/owners.h"
#include "planner/schedule/schedule.h"
#include "traces/timeline.h"

namespace ppplan::exec::cuda {

/// Streams and events of one schedule, for any number of runs.
class StreamRun {
 public:
  /// `schedule` and `backend` outlive it. Throws as check_runs (run_schedule.h), and DeviceError.
  StreamRun(const schedule::Schedule& schedule, StreamBackend& backend);
  /// Throws DeviceError when a call fails or an op has not ended `deadline_s` after everything was enqueued; the
  /// streams may then never end, and destroying what they use waits for them.
  traces::Timeline execute(double deadline_s);

 private:
  struct Lane {
    int gpu = 0;  // of the receiver
    kernels::cuda::Stream stream;
    kernels::cuda::Stream send_stream;  // of transfers
  };
  struct Marks {
    kernels::cuda::Event start, end;
    kernels::cuda::Event sent;  // of transfers
  };

  void make_lanes();
  void make_marks();
  void begin();
  void issue(int index);
  void issue_transfer(const Activity& activity, const Lane& lane, const Marks& marks);
  void await_predecessors(int index, cudaStream_t stream);
  void await_end(double deadline_s);
  std::string name(int index) const;

  const schedule::Schedule& schedule_;
  StreamBackend& backend_;
  ActivityGraph graph_;
  std::vector<int> order_;                      // of activities
  std::vector<std::vector<int>> predecessors_;  // [activity]: of other workers
  std::vector<Lane> lanes_;                     // [worker]
  std::vector<Marks> marks_;                    // [activity]
  struct Start {
    kernels::cuda::Stream stream;
    kernels::cuda::Event event;
  };
  std::map<int, Start> starts_;  // by GPU
};

}  // namespace ppplan::exec::cuda
