#include "exec/cuda/stage_busy.h"

#include "exec/sample_statistics.h"
#include "kernels/cuda/owners.h"

namespace ppplan::exec::cuda {

namespace {

using kernels::cuda::DeviceScope;
using kernels::cuda::Event;

constexpr int kRuns = 3;

double beside_others_s(const std::vector<traces::Timeline>& measured, int device) {
  std::vector<double> sums;
  for (const traces::Timeline& timeline : measured) {
    sums.push_back(0);
    for (const traces::Span& span : timeline.spans)
      if (span.device == device && span.key.kind == traces::OpKind::forward) sums.back() += span.end_s - span.start_s;
  }
  return quantile(sums, 0.5);
}

// One op after another, with nothing else on any GPU.
double alone_s(const schedule::Schedule& schedule, StreamBackend& backend, int device, cudaStream_t stream) {
  const Event begin = kernels::cuda::make_event(), end = kernels::cuda::make_event();
  double sum_s = 0;
  for (const schedule::Op& op : schedule.ops) {
    if (op.device != device || op.key.kind != traces::OpKind::forward) continue;
    PPPLAN_CHECK(cudaEventRecord(begin, stream));
    backend.compute(op, stream);
    PPPLAN_CHECK(cudaEventRecord(end, stream));
    PPPLAN_CHECK(cudaStreamSynchronize(stream));
    float milliseconds = 0;
    PPPLAN_CHECK(cudaEventElapsedTime(&milliseconds, begin, end));
    sum_s += 1e-3 * static_cast<double>(milliseconds);
  }
  return sum_s;
}

}  // namespace

std::vector<StageBusy> stage_busy(const schedule::Schedule& schedule, StreamBackend& backend,
                                  const std::vector<traces::Timeline>& measured) {
  std::vector<StageBusy> out;
  for (int device = 0; device < static_cast<int>(schedule.devices.size()); ++device) {
    const DeviceScope scope(backend.gpu(device));
    const kernels::cuda::Stream stream = backend.make_stream(device, kernels::cuda::Urgency::low);
    std::vector<double> alone;
    for (int run = 0; run < kRuns; ++run) alone.push_back(alone_s(schedule, backend, device, stream));
    out.push_back({beside_others_s(measured, device), quantile(alone, 0.5)});
  }
  return out;
}

}  // namespace ppplan::exec::cuda
