#include "exec/cuda/cuda_profiler.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

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
constexpr double kKeepEvery_s = 1;     // or seldomer, where points take longer

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Points that one stage runs.
struct Group {
  std::string what;
  std::vector<ProfilePoint> points;
};

std::vector<Group> groups_of(const std::vector<ProfilePoint>& points) {
  constexpr const char* kNames[] = {"layer", "embedding", "head"};
  std::vector<Group> out;
  for (const ProfilePoint& point : points) {
    const bool same =
        !out.empty() && out.back().points.front().kind == point.kind && out.back().points.front().shape == point.shape;
    if (!same) out.push_back({kNames[static_cast<int>(point.kind)], {}});
    out.back().points.push_back(point);
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
    const std::vector<Group> groups =
        groups_of(profile_points(static_cast<int>(distinct_layers(options_.model).size()), options_.sizes));
    out_.profile.engine = "ppplan 0.1";
    out_.profile.device = gpu_name(options_.gpu);
    if (options_.slice > 0) slices_.emplace(options_.gpu, std::vector<int>{options_.slice});
    if (slices_) out_.slice = slices_->processors(0);
    state_machine();
    take_up();
    std::size_t points = 0;
    for (const Group& group : groups) points += group.points.size();
    for (const Group& group : groups) {
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

  void take_up() {
    Facts facts = out_.profile.machine;
    facts["engine"] = out_.profile.engine;
    if (options_.keeper.taken_up) so_far_ = options_.keeper.taken_up(facts);
    so_far_.machine = std::move(facts);
    if (!so_far_.dates.empty())
      out_.profile.machine["earlier_dates"] = fmt::format("{}", fmt::join(so_far_.dates, ", "));
    // Tells a place that can't be written before minutes have gone.
    if (options_.keeper.keep) options_.keeper.keep(so_far_);
  }

  void keep() {
    if (options_.keeper.keep) options_.keeper.keep(so_far_);
    kept_ = Clock::now();
  }

  GroupProgress& kept_of(const Group& group) { return group_of(so_far_, group.points.front()); }

  void measure(const Group& group) {
    const int copies = copies_of(group.points.front());
    if (copies > 0) out_.profile.machine["layer_copies"] = std::to_string(copies);
    if (kept_of(group).finished && has_all(kept_of(group), group.points)) return;
    progress_(first_fraction_, group.what + ": weights and caches");
    CudaProbe::Settings settings;
    if (slices_) settings.slices = &*slices_;
    CudaProbe probe(probe_run(options_.model, group.points, copies, options_.seed), blas_, settings);
    if (!warm_) warm_up(probe, group.points.size() - 1);
    double longest_s = 0;
    for (int round = 0; round < options_.rounds; ++round) {
      const double before_s = kept_of(group).spent_s;
      if (round > 0 && before_s + longest_s > share_ * options_.budget_s) break;
      measure_round(group, probe, round);
      longest_s = std::max(longest_s, kept_of(group).spent_s - before_s);
    }
    kept_of(group).finished = true;
    keep();
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

  void measure_round(const Group& group, CudaProbe& probe, int round) {
    std::vector<std::size_t> order(group.points.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::shuffle(order.begin(), order.end(), random_);
    for (std::size_t i = 0; i < order.size(); ++i) {
      const double done = (round + static_cast<double>(i) / static_cast<double>(order.size())) / options_.rounds;
      progress_(first_fraction_ + share_ * done, group.what);
      measure_point(group, probe, order[i], round);
    }
  }

  // Nothing where an earlier run has done it.
  void measure_point(const Group& group, CudaProbe& probe, std::size_t point, int round) {
    GroupProgress& kept = kept_of(group);
    PointSamples& to = samples_of(kept, group.points[point]);
    if (to.graph_s.size() > static_cast<std::size_t>(round * kSamplesOfRound)) return;
    const auto began = Clock::now();
    const CudaProbe::Samples samples = probe.samples(point, kSamplesOfRound);
    append(to.graph_s, samples.graph_s);
    append(to.eager_s, samples.eager_s);
    kept.spent_s += seconds_since(began);
    merge(kept.gemms, gemm_choices(probe.choices()));
    if (!kept_ || seconds_since(*kept_) > kKeepEvery_s) keep();
  }

  void add_operations(const Group& group) {
    GroupProgress& kept = kept_of(group);
    for (const ProfilePoint& point : group.points) {
      const PointSamples& samples = samples_of(kept, point);
      traces::Operation operation = operation_of(options_.model, point, "bf16");
      state_times(operation, samples.eager_s);
      out_.eager.push_back(operation);
      state_times(operation, samples.graph_s);
      out_.profile.operations.push_back(std::move(operation));
    }
    out_.gemms.push_back(kept.gemms);
  }

  void measure_links() {
    int count = 0;
    PPPLAN_CHECK(cudaGetDeviceCount(&count));
    if (count < 2) return;
    const int from = options_.gpu, to = (from + 1) % count;
    std::unique_ptr<Wires> wires;
    for (std::int64_t bytes = 1 << 10; bytes <= options_.max_message_bytes; bytes *= 4) {
      progress_(1 - kShareOfLinks, fmt::format("messages from GPU {} to GPU {}", from, to));
      traces::LinkSample sample = message(from, to, bytes);
      if (const traces::LinkSample* known = known_message(sample)) {
        out_.profile.links.push_back(*known);
        continue;
      }
      if (!wires) wires = make_wires(from, to);
      sample.median_s = quantile(message_seconds(*wires, from, to, static_cast<std::size_t>(bytes), kMessages), 0.5);
      so_far_.links.push_back(sample);
      out_.profile.links.push_back(std::move(sample));
      keep();
    }
  }

  traces::LinkSample message(int from, int to, std::int64_t bytes) const {
    traces::LinkSample sample;
    sample.op = "send_recv";
    sample.link = link_between(from, to);
    sample.from = from;
    sample.to = to;
    sample.bytes = bytes;
    sample.method = options_.transport == CudaTransport::nccl ? "nccl" : "copy";
    return sample;
  }

  const traces::LinkSample* known_message(traces::LinkSample sample) const {
    for (const traces::LinkSample& known : so_far_.links) {
      sample.median_s = known.median_s;
      if (known == sample) return &known;
    }
    return nullptr;
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
  ProfileProgress so_far_;
  std::optional<Clock::time_point> kept_;
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
