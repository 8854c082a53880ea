#include "exec/cuda/captured.h"

#include <optional>
#include <utility>

namespace ppplan::exec::cuda {

namespace {

using kernels::cuda::Graph;
using kernels::cuda::GraphExec;

/// Of a stream, which goes back to running what it gets when this ends.
class Capture {
 public:
  explicit Capture(cudaStream_t stream) : stream_(stream) {
    PPPLAN_CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    is_open_ = true;
  }
  ~Capture() {
    cudaGraph_t graph = nullptr;
    if (is_open_) cudaStreamEndCapture(stream_, &graph);
    const Graph owner(graph);
  }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  GraphExec end() {
    is_open_ = false;
    cudaGraph_t graph = nullptr;
    PPPLAN_CHECK(cudaStreamEndCapture(stream_, &graph));
    const Graph owner(graph);
    cudaGraphExec_t executable = nullptr;
    PPPLAN_CHECK(cudaGraphInstantiate(&executable, graph, 0));
    return GraphExec(executable);
  }

 private:
  cudaStream_t stream_;
  bool is_open_ = false;
};

/// While it lives, the group's collectives go aside.
class Aside {
 public:
  Aside(TensorGroup* group, TensorGroup::Taker taker) : group_(group) {
    if (group_ != nullptr) group_->set_aside(std::move(taker));
  }
  ~Aside() {
    if (group_ != nullptr) group_->set_aside({});
  }
  Aside(const Aside&) = delete;
  Aside& operator=(const Aside&) = delete;

 private:
  TensorGroup* group_;
};

}  // namespace

GraphExec captured(cudaStream_t stream, const std::function<void()>& enqueue) {
  Capture capture(stream);
  enqueue();
  return capture.end();
}

CapturedParts::CapturedParts(cudaStream_t stream, TensorGroup* group, const std::function<void()>& enqueue) {
  std::optional<Capture> capture(std::in_place, stream);
  {
    const Aside aside(group, [&](TensorGroup::Collective collective) {
      parts_.push_back({capture->end(), std::move(collective)});
      capture.emplace(stream);
    });
    enqueue();
  }
  parts_.push_back({capture->end(), {}});
}

void CapturedParts::launch(cudaStream_t stream) const {
  for (const Part& part : parts_) {
    PPPLAN_CHECK(cudaGraphLaunch(part.graph, stream));
    if (part.then) part.then(stream);
  }
}

}  // namespace ppplan::exec::cuda
