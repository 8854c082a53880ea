#include "exec/cuda/cuda_profiler.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <numeric>
#include <optional>
#include <random>

#include "exec/cores.h"
#include "exec/cuda/cuda_probe.h"
#include "exec/cuda/gemm_choices.h"
#include "exec/cuda/gpu_facts.h"
#include "exec/cuda/nccl_wires.h"
#include "exec/cuda/wire_probe.h"
#include "exec/host_weights.h"
#include "exec/machine_facts.h"
#include "exec/sample_statistics.h"
#include "planner/input/input_error.h"

namespace ppplan::exec::cuda {

namespace {

using Clock = std::chrono::steady_clock;
using kernels::cuda::DeviceScope;
using ProgressTold = std::function<void(double, const std::string&)>;

constexpr int kSamplesOfRound = 5;
constexpr int kMessages = 16;          // of each size
constexpr double kShareOfLinks = 0.1;  // of the time, for progress alone

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Points that one stage runs.
struct Group {
  std::string what;
  std::vector<ProfilePoint> points;
  std::vector<CudaProbe::Samples> samples;  // [point]
};

std::vector<Group> groups_of(const std::vector<ProfilePoint>& points) {
  constexpr const char* kNames[] = {"layer", "embedding", "head"};
  std::vector<Group> out;
  for (const ProfilePoint& point : points) {
    const bool same =
        !out.empty() && out.back().points.front().kind == point.kind && out.back().points.front().shape == point.shape;
    if (!same) out.push_back({kNames[static_cast<int>(point.kind)], {}, {}});
    out.back().points.push_back(point);
    out.back().samples.emplace_back();
  }
  return out;
}

void append(std::vector<double>& to, const std::vector<double>& from) { to.insert(to.end(), from.begin(), from.end()); }

class Profiler {
 public:
  Profiler(const CudaProfileOptions& options, const kernels::cuda::BlasCalls& blas, const NcclCalls* nccl,
           const ProgressTold& progress)
      : options_(options), blas_(blas), nccl_(nccl), progress_(progress), random_(options.seed) {}

  CudaProfile run() {
    const DeviceScope scope(options_.gpu);
    std::vector<Group> groups =
        groups_of(profile_points(static_cast<int>(distinct_layers(options_.model).size()), options_.sizes));
    out_.profile.engine = "ppplan 0.1";
    out_.profile.device = gpu_name(options_.gpu);
    if (options_.slice > 0) slices_.emplace(options_.gpu, std::vector<int>{options_.slice});
    if (slices_) out_.slice = slices_->processors(0);
    state_machine();
    std::size_t points = 0;
    for (const Group& group : groups) points += group.points.size();
    for (Group& group : groups) {
      share_ = (1 - kShareOfLinks) * static_cast<double>(group.points.size()) / static_cast<double>(points);
      measure(group);
      add_operations(group);
      first_fraction_ += share_;
    }
    measure_links();
    return std::move(out_);
  }

 private:
  void state_machine() {
    std::map<std::string, std::string>& machine = out_.profile.machine;
    machine = machine_facts(allowed_cores());
    machine.merge(gpu_facts(options_.gpu, blas_, nccl_));
    if (slices_) machine["slice_processors"] = std::to_string(out_.slice);
    machine["model"] = options_.model.name;
  }

  void measure(Group& group) {
    progress_(first_fraction_, group.what + ": weights and caches");
    const int copies = copies_of(group.points.front());
    if (copies > 0) out_.profile.machine["layer_copies"] = std::to_string(copies);
    CudaProbe::Settings settings;
    if (slices_) settings.slices = &*slices_;
    CudaProbe probe(probe_run(options_.model, group.points, copies, options_.seed), blas_, settings);
    if (!warm_) warm_up(probe, group.points.size() - 1);
    const auto start = Clock::now();
    double longest_s = 0;
    for (int round = 0; round < options_.rounds; ++round) {
      if (round > 0 && seconds_since(start) + longest_s > share_ * options_.budget_s) break;
      const auto began = Clock::now();
      measure_round(group, probe, round);
      longest_s = std::max(longest_s, seconds_since(began));
    }
    out_.gemms.push_back(gemm_choices(probe.choices()));
  }

  int copies_of(const ProfilePoint& point) const {
    if (point.kind != PointKind::layer) return 0;
    spec::ModelSpec one = options_.model;
    one.layers = {distinct_layers(options_.model).at(static_cast<std::size_t>(point.shape))};
    return cold_copies(layer_shape(one, 0), l2_bytes(options_.gpu));
  }

  void warm_up(CudaProbe& probe, std::size_t point) {
    warm_ = true;
    progress_(first_fraction_, "warming up");
    for (const auto start = Clock::now(); seconds_since(start) < options_.warm_up_s;) probe.run(point);
  }

  void measure_round(Group& group, CudaProbe& probe, int round) {
    std::vector<std::size_t> order(group.points.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::shuffle(order.begin(), order.end(), random_);
    for (std::size_t i = 0; i < order.size(); ++i) {
      const double done = (round + static_cast<double>(i) / static_cast<double>(order.size())) / options_.rounds;
      progress_(first_fraction_ + share_ * done, group.what);
      const CudaProbe::Samples samples = probe.samples(order[i], kSamplesOfRound);
      append(group.samples[order[i]].graph_s, samples.graph_s);
      append(group.samples[order[i]].eager_s, samples.eager_s);
    }
  }

  void add_operations(const Group& group) {
    for (std::size_t i = 0; i < group.points.size(); ++i) {
      traces::Operation operation = operation_of(options_.model, group.points[i], "bf16");
      state_times(operation, group.samples[i].eager_s);
      out_.eager.push_back(operation);
      state_times(operation, group.samples[i].graph_s);
      out_.profile.operations.push_back(std::move(operation));
    }
  }

  void measure_links() {
    int count = 0;
    PPPLAN_CHECK(cudaGetDeviceCount(&count));
    if (count < 2) return;
    const int from = options_.gpu, to = (from + 1) % count;
    const std::unique_ptr<Wires> wires = make_wires(from, to);
    for (std::int64_t bytes = 1 << 10; bytes <= options_.max_message_bytes; bytes *= 4) {
      progress_(1 - kShareOfLinks, fmt::format("messages from GPU {} to GPU {}", from, to));
      traces::LinkSample& sample = out_.profile.links.emplace_back();
      sample.op = "send_recv";
      sample.link = link_between(from, to);
      sample.from = from;
      sample.to = to;
      sample.bytes = bytes;
      sample.method = options_.transport == CudaTransport::nccl ? "nccl" : "copy";
      sample.median_s = quantile(message_seconds(*wires, from, to, static_cast<std::size_t>(bytes), kMessages), 0.5);
    }
  }

  std::unique_ptr<Wires> make_wires(int from, int to) const {
    if (options_.transport == CudaTransport::local) return std::make_unique<LocalWires>();
    auto wires = std::make_unique<NcclWires>(*nccl_);
    wires->connect(kProbedEdge, new_id(*nccl_), from, to);
    return wires;
  }

  const CudaProfileOptions& options_;
  const kernels::cuda::BlasCalls& blas_;
  const NcclCalls* nccl_;
  const ProgressTold& progress_;
  std::mt19937_64 random_;
  std::optional<kernels::cuda::SmSlices> slices_;
  bool warm_ = false;
  double first_fraction_ = 0, share_ = 1;  // of the group that is measured, of all progress
  CudaProfile out_;
};

void check(const CudaProfileOptions& options) {
  check_sizes(options.model, options.sizes);
  int count = 0;
  PPPLAN_CHECK(cudaGetDeviceCount(&count));
  if (options.gpu < 0 || options.gpu >= count)
    throw input::InputError("gpu", "", fmt::format("a number below the {} GPUs of this machine", count),
                            std::to_string(options.gpu));
}

}  // namespace

CudaProfile profile_gpu(const CudaProfileOptions& options, const kernels::cuda::BlasCalls& blas, const NcclCalls* nccl,
                        const ProgressTold& progress) {
  check(options);
  return Profiler(options, blas, nccl, progress).run();
}

}  // namespace ppplan::exec::cuda
