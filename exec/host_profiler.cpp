#include "exec/host_profiler.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <map>
#include <memory>
#include <random>
#include <span>

#include "exec/core_speed.h"
#include "exec/cores.h"
#include "exec/host_probe.h"
#include "exec/link_probe.h"
#include "exec/machine_facts.h"
#include "exec/sample_statistics.h"

namespace ppplan::exec {

namespace {

using Clock = std::chrono::steady_clock;
// One run of a point, and the speed of its core just before.
struct Sample {
  RunTime time;
  double core_speed = 0;
};
using Samples = std::vector<std::vector<Sample>>;  // [point]

constexpr std::size_t kPointsAtOnce = 8;  // between two looks at the cores' speed
constexpr int kMessages = 16;             // of each size in one round

double median_speed(const Samples& samples) {
  std::vector<double> speeds;
  for (const auto& runs : samples) {
    for (const Sample& run : runs) speeds.push_back(run.core_speed);
  }
  return quantile(std::move(speeds), 0.5);
}

// What the runs would have taken on cores as fast as `core_speed`.
std::vector<double> seconds_at(double core_speed, const std::vector<Sample>& runs) {
  std::vector<double> seconds;
  for (const Sample& run : runs) seconds.push_back(run.time.processor_s * run.core_speed / core_speed);
  return seconds;
}

// Of the cores' time while operations ran, the share that went to other processes.
double share_of_others(const Samples& samples) {
  RunTime sum;
  for (const auto& runs : samples) {
    for (const Sample& run : runs) sum += run.time;
  }
  return sum.share_of_others();
}

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

class Profiler {
 public:
  Profiler(const HostProfileOptions& options, const std::function<void(double, const std::string&)>& progress)
      : options_(options),
        progress_(progress),
        sizes_{options.max_tokens, options.max_batch, options.max_kv},
        points_(profile_points(static_cast<int>(distinct_layers(options.model).size()), sizes_)),
        alone_(points_.size()),
        loaded_(points_.size()),
        random_(options.seed) {}

  traces::Profile run() {
    progress_(0, "weights and caches");
    make_probes();
    start_ = Clock::now();
    repeat_in_budget([this](std::size_t round) {
      measure(round);
      measure_messages();
    });
    return profile();
  }

 private:
  // Probes are made on their own cores, so that their memory is near.
  void make_probes() {
    const int copies = probe_copies(options_.model, sizes_, options_.cores.size());
    probes_.resize(options_.cores.size());
    yardsticks_ = std::make_unique<Yardsticks>(options_.cores);
    on_cores(options_.cores, [&](std::size_t index) {
      probes_[index] = std::make_unique<HostProbe>(options_.model, sizes_, copies, options_.seed + index);
    });
  }

  static std::vector<std::size_t> all_of(std::size_t count) {
    std::vector<std::size_t> indices(count);
    for (std::size_t i = 0; i < count; ++i) indices[i] = i;
    return indices;
  }

  // Rounds until the next one would pass the budget; at least two.
  template <typename Round>
  void repeat_in_budget(Round round) {
    double longest_s = 0;
    for (std::size_t count = 0; count < 2 || seconds_since(start_) + longest_s < options_.budget_s; ++count) {
      const auto began = Clock::now();
      round(count);
      longest_s = std::max(longest_s, seconds_since(began));
    }
  }

  void report(const std::string& what) { progress_(std::min(1.0, seconds_since(start_) / options_.budget_s), what); }

  std::vector<std::size_t> shuffled_points() {
    std::vector<std::size_t> order = all_of(points_.size());
    std::shuffle(order.begin(), order.end(), random_);
    return order;
  }

  // Some points on one core and then on all, so that both see the machine in the same state: it drifts over seconds.
  void measure(std::size_t round) {
    const std::size_t alone = round % options_.cores.size();
    const std::vector<std::size_t> all = all_of(options_.cores.size());
    const std::vector<std::size_t> order = shuffled_points();
    for (std::size_t first = 0; first < order.size(); first += kPointsAtOnce) {
      const auto some = std::span(order).subspan(first, std::min(kPointsAtOnce, order.size() - first));
      report("one core");
      measure_some({alone}, {yardsticks_->alone_per_second(alone)}, some, round, alone_);
      report("all cores");
      measure_some(all, yardsticks_->per_second(), some, round, loaded_);
    }
  }

  // One run of each a round: samples of one moment say little more than one of them. The first, which touches memory
  // that nobody touched yet, is not counted. `core_speed` is that of each of `cores` just now.
  void measure_some(const std::vector<std::size_t>& cores, const std::vector<double>& core_speed,
                    std::span<const std::size_t> some, std::size_t round, Samples& into) {
    std::vector<Samples> seconds(options_.cores.size(), Samples(some.size()));
    std::barrier together(static_cast<std::ptrdiff_t>(cores.size()));
    std::vector<std::atomic<std::size_t>> finished(some.size());
    std::vector<int> busy;
    for (const std::size_t core : cores) busy.push_back(options_.cores[core]);
    on_cores(busy, [&](std::size_t index) {
      const std::size_t core = cores[index];
      for (std::size_t i = 0; i < some.size(); ++i) {
        const ProfilePoint& point = points_[some[i]];
        together.arrive_and_wait();
        if (round == 0) probes_[core]->run(point);
        seconds[core][i].push_back({probes_[core]->run(point), core_speed[index]});
        // A core that is done keeps its work up until all are, so that none measures beside an idle one.
        for (++finished[i]; finished[i] < cores.size();) probes_[core]->run(point);
      }
    });
    for (const Samples& of_core : seconds) {
      for (std::size_t i = 0; i < some.size(); ++i) {
        into[some[i]].insert(into[some[i]].end(), of_core[i].begin(), of_core[i].end());
      }
    }
  }

  void measure_messages() {
    if (options_.cores.size() < 2) return;
    report("messages between cores");
    for (std::int64_t bytes = 1 << 10; bytes <= options_.max_message_bytes; bytes *= 4) {
      const std::vector<double> seconds = message_seconds(bytes, kMessages, options_.cores[0], options_.cores[1]);
      std::vector<double>& all = messages_[bytes];
      all.insert(all.end(), seconds.begin(), seconds.end());
    }
  }

  traces::Profile profile() {
    traces::Profile result;
    result.engine = "ppplan 0.1";
    result.device = "cpu-core";
    result.machine = machine_facts(options_.cores);
    result.machine["share_of_other_processes"] = fmt::format("{:.3f}", share_of_others(loaded_));
    result.machine["command"] = "ppplan profile --backend host --model " + options_.model.name;
    add_operations(result);
    for (const auto& [bytes, seconds] : messages_) {
      traces::LinkSample& sample = result.links.emplace_back();
      sample.op = "send_recv";
      sample.link = "memory";
      sample.from = options_.cores[0];
      sample.to = options_.cores[1];
      sample.bytes = bytes;
      sample.median_s = quantile(seconds, 0.5);
    }
    return result;
  }

  void add_operations(traces::Profile& profile) const {
    profile.core_speed = median_speed(loaded_);
    profile.alone_core_speed = median_speed(alone_);
    profile.busy_cores = static_cast<int>(options_.cores.size());
    for (std::size_t i = 0; i < points_.size(); ++i) {
      traces::Operation operation = operation_of(options_.model, points_[i], "fp32");
      state_times(operation, seconds_at(profile.core_speed, loaded_[i]));
      operation.alone_s = quantile(seconds_at(profile.alone_core_speed, alone_[i]), 0.5);
      profile.operations.push_back(std::move(operation));
    }
  }

  const HostProfileOptions& options_;
  const std::function<void(double, const std::string&)>& progress_;
  ProfileSizes sizes_;
  std::vector<ProfilePoint> points_;
  std::vector<std::unique_ptr<HostProbe>> probes_;  // [core]
  std::unique_ptr<Yardsticks> yardsticks_;
  Samples alone_;
  Samples loaded_;
  std::map<std::int64_t, std::vector<double>> messages_;  // by bytes
  std::mt19937_64 random_;
  Clock::time_point start_;
};

}  // namespace

traces::Profile profile_host(const HostProfileOptions& options,
                             const std::function<void(double fraction, const std::string& what)>& progress) {
  HostProfileOptions complete = options;
  if (complete.cores.empty()) complete.cores = allowed_cores();
  check_sizes(complete.model, {complete.max_tokens, complete.max_batch, complete.max_kv});
  return Profiler(complete, progress).run();
}

}  // namespace ppplan::exec
