#include "exec/cuda/wire_probe.h"

#include "exec/cuda/stream_run.h"
#include "planner/schedule/pipeline.h"

namespace ppplan::exec::cuda {

namespace {

using kernels::cuda::DeviceArray;
using kernels::cuda::DeviceScope;

constexpr int kWarmUp = 2;
constexpr int kReceiveBuffers = 2;
constexpr double kDeadline_s = 60;

// Two stages that compute nothing.
class WireBackend : public StreamBackend {
 public:
  WireBackend(Wires& wires, int from_gpu, int to_gpu, std::size_t bytes)
      : wires_(wires), gpus_{from_gpu, to_gpu}, bytes_(bytes) {
    const DeviceScope sender(from_gpu);
    output_ = DeviceArray<std::byte>(bytes);
    const DeviceScope receiver(to_gpu);
    for (DeviceArray<std::byte>& buffer : received_) buffer = DeviceArray<std::byte>(bytes);
  }
  int gpu(int device) const override { return gpus_[device]; }
  void compute(const schedule::Op&, cudaStream_t) override {}
  void transfer(const schedule::Op&, const schedule::Op&, int slot, const TransferStreams& streams) override {
    wires_.carry({kProbedEdge.from, kProbedEdge.to, gpus_[0], gpus_[1], output_.data(), received_[slot].data(), bytes_},
                 streams);
  }

 private:
  Wires& wires_;
  int gpus_[2];
  std::size_t bytes_;
  DeviceArray<std::byte> output_;
  DeviceArray<std::byte> received_[kReceiveBuffers];
};

schedule::Schedule message_schedule(std::size_t bytes, int count) {
  schedule::PipelineShape shape;
  shape.members = {{0}, {1}};
  shape.receive_buffers = kReceiveBuffers;
  const schedule::MicroBatchCosts costs{{0, 0}, {0}, {static_cast<std::int64_t>(bytes)}, 0};
  return schedule::forward_stream(shape, {costs}, std::vector<int>(static_cast<std::size_t>(count), 0));
}

}  // namespace

std::vector<double> message_seconds(Wires& wires, int from_gpu, int to_gpu, std::size_t bytes, int count) {
  WireBackend backend(wires, from_gpu, to_gpu, bytes);
  const schedule::Schedule schedule = message_schedule(bytes, count + kWarmUp);
  const traces::Timeline timeline = StreamRun(schedule, backend).execute(kDeadline_s);
  std::vector<double> seconds;
  for (const traces::Span& span : timeline.spans)
    if (span.key.kind == traces::OpKind::send && span.key.micro_batch >= kWarmUp)
      seconds.push_back(span.end_s - span.start_s);
  return seconds;
}

const char* link_between(int from_gpu, int to_gpu) {
  int atomics = 0;
  PPPLAN_CHECK(cudaDeviceGetP2PAttribute(&atomics, cudaDevP2PAttrNativeAtomicSupported, from_gpu, to_gpu));
  return atomics != 0 ? "nvlink" : "pcie";
}

}  // namespace ppplan::exec::cuda
