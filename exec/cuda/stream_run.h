// Runs a schedule on the streams of GPUs. One thread enqueues everything in an order in which every op comes behind
// what it waits for, and waits for nothing itself; on the GPUs each lane is a stream, and events hold an op back until
// what it depends on has ended: the activities of activity_graph.h, whose edges these are. It decides nothing.
//
// A transfer has a stream on each side. Devices may be elsewhere (StreamBackend): then their ops are left out, and of a
// transfer with them one side is enqueued, which ends when the other side has met it. Every process goes through one
// order of the whole schedule, so no two wait for each other crosswise, even where a GPU does its transfers one by one
// as they were enqueued.
//
// Times come from events: seconds on the clock of the first GPU, to which every other GPU's of this process is set by
// one event at the start (late by what an event takes from GPU to GPU, some microseconds).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "exec/activity_graph.h"
#include "exec/cuda/device_wait.h"
#include "exec/cuda/stream_backend.h"
#include "exec/rank_times.h"
#include "kernels/cuda/owners.h"
#include "planner/schedule/schedule.h"
#include "traces/timeline.h"

namespace ppplan::exec::cuda {

/// Streams and events of one schedule, for any number of runs.
class StreamRun {
 public:
  /// `schedule` and `backend` outlive it. Throws as check_runs (run_schedule.h), DeviceError, and InputError where an
  /// op waits for one elsewhere in any other way than by a transfer, or transfers with devices elsewhere are grouped:
  /// messages of one edge go one after another.
  StreamRun(const schedule::Schedule& schedule, StreamBackend& backend);
  /// A run of a schedule whose devices are all here: the three below.
  traces::Timeline execute(double deadline_s);
  /// Enqueues a run. Throws DeviceError, and what the backend throws.
  void enqueue();
  /// Until everything has ended. Throws what `look` throws, and DeviceError when a call fails or an op has not ended
  /// after the deadline; the streams may then never end, and destroying what they use waits for them.
  void await_end(const Patience& patience);
  /// Of the run that has ended.
  traces::Timeline timeline() const;
  /// Of the ops that ran here.
  OpTimes op_times() const;

 private:
  struct Lane {
    int gpu = kElsewhere;          // of the receiver
    int send_gpu = kElsewhere;     // of the sender of transfers
    kernels::cuda::Stream stream;  // of what is here
    kernels::cuda::Stream send_stream;
    bool is_here() const { return gpu != kElsewhere || send_gpu != kElsewhere; }
    int own_gpu() const { return gpu != kElsewhere ? gpu : send_gpu; }
    cudaStream_t own_stream() const { return gpu != kElsewhere ? stream : send_stream; }
  };
  struct Marks {
    kernels::cuda::Event start, end;  // on own_stream() of the lane; none of what is not here
    kernels::cuda::Event sent;        // of transfers with both sides here
  };

  void check_waits() const;
  void make_lanes();
  void make_marks();
  void begin();
  void issue(int index);
  void issue_transfer(const Activity& activity, const Lane& lane, const Marks& marks);
  void await_predecessors(int index, cudaStream_t stream);
  const Lane& lane_of(std::size_t index) const;
  ActivityTimes times(std::size_t index) const;
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
