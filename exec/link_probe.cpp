#include "exec/link_probe.h"

#include <chrono>
#include <cstring>
#include <map>

#include "exec/cores.h"
#include "exec/run_schedule.h"
#include "kernels/host/buffer.h"
#include "kernels/host/operations.h"
#include "planner/schedule/pipeline.h"

namespace ppplan::exec {

namespace {

constexpr int kWarmUp = 2;
constexpr int kReceiveBuffers = 2;

// Computes on both cores for the planned time and copies between buffers like those of the host backend.
class LinkBackend : public Backend {
 public:
  LinkBackend(std::int64_t bytes, int from_core, int to_core)
      : bytes_(static_cast<std::size_t>(bytes)), cores_{from_core, to_core} {
    const std::size_t floats = (bytes_ + sizeof(float) - 1) / sizeof(float);
    for (kernels::host::Buffer* buffer : {&output_, &received_[0], &received_[1]}) {
      *buffer = kernels::host::Buffer(floats);
    }
    for (kernels::host::Buffer& buffer : work_) buffer = kernels::host::Buffer(kRows * kWidth);
    gain_ = kernels::host::Buffer(kWidth);
  }
  void enter_lane(int device, const schedule::Lane&) override { pin_to_core(cores_[device]); }
  void compute(schedule::OpId, const schedule::Op& op) override {
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(op.seconds);
    float* data = work_[op.device].data();
    while (std::chrono::steady_clock::now() < end) {
      kernels::host::operations().rms_norm(data, gain_.data(), 1e-5f, kRows, kWidth, kWidth, data);
    }
  }
  void transfer(schedule::OpId, const schedule::Op&, const schedule::Op&, int slot) override {
    std::memcpy(received_[slot].data(), output_.data(), bytes_);
  }

 private:
  static constexpr int kRows = 16;
  static constexpr int kWidth = 1024;
  std::size_t bytes_;
  int cores_[2];
  kernels::host::Buffer output_;
  kernels::host::Buffer received_[kReceiveBuffers];
  kernels::host::Buffer work_[2];
  kernels::host::Buffer gain_;
};

// The sender computes long enough for the receiver to be waiting again, at a rate that any machine copies faster than.
schedule::Schedule message_schedule(std::int64_t bytes, int count) {
  constexpr double kSlowestCopy_bytes_per_s = 1e9;
  const double sender_s = 1e-3 + static_cast<double>(bytes) / kSlowestCopy_bytes_per_s;
  schedule::PipelineShape shape;
  shape.members = {{0}, {1}};
  shape.receive_buffers = kReceiveBuffers;
  const schedule::MicroBatchCosts costs{{sender_s, 0.2e-3}, {0}, {bytes}, 0};
  return schedule::forward_stream(shape, {costs}, std::vector<int>(static_cast<std::size_t>(count), 0));
}

}  // namespace

std::vector<double> message_seconds(std::int64_t bytes, int count, int from_core, int to_core) {
  LinkBackend backend(bytes, from_core, to_core);
  const traces::Timeline timeline = run_schedule(message_schedule(bytes, count + kWarmUp), backend);
  std::map<int, double> sent_s;  // by micro-batch
  std::map<int, double> consumed_s;
  for (const traces::Span& span : timeline.spans) {
    if (span.key.kind != traces::OpKind::forward) continue;
    if (span.device == 0) sent_s[span.key.micro_batch] = span.end_s;
    if (span.device == 1) consumed_s[span.key.micro_batch] = span.start_s;
  }
  std::vector<double> seconds;
  for (int k = kWarmUp; k < count + kWarmUp; ++k) seconds.push_back(consumed_s.at(k) - sent_s.at(k));
  return seconds;
}

}  // namespace ppplan::exec
