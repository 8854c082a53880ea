#include "exec/core_speed.h"

#include <algorithm>
#include <atomic>
#include <numeric>
#include <utility>

#include "exec/cores.h"
#include "exec/sample_statistics.h"

namespace ppplan::exec {

namespace {

constexpr int kLayers = 3;   // of 11 MB: more than the caches of a core hold
constexpr int kSamples = 5;  // of kLayers each
constexpr int kTokens = 64;
constexpr ProfileSizes kSizes{kTokens, 1, kTokens};
constexpr ProfilePoint kPoint{PointKind::layer, 0, {1, kTokens, kTokens, false}};

spec::ModelSpec fixed_layers() {
  spec::ModelSpec model;
  model.name = "yardstick";
  model.hidden = 512;
  model.vocabulary = 1;
  model.layers.resize(kLayers);
  for (spec::Layer& layer : model.layers) {
    layer.attention.heads = 8;
    layer.attention.kv_heads = 2;
    layer.attention.head_dim = 64;
    layer.feed_forward.intermediate = 1408;
  }
  return model;
}

double sample(HostProbe& probe) { return 1 / probe.run(kPoint).processor_s; }

}  // namespace

Yardsticks::Yardsticks(std::vector<int> cores) : cores_(std::move(cores)), probes_(cores_.size()) {
  on_cores(cores_, [this](std::size_t index) {
    probes_[index] = std::make_unique<HostProbe>(fixed_layers(), kSizes, kLayers, index);
    sample(*probes_[index]);  // touches every page for the first time
  });
}

std::vector<double> Yardsticks::per_second() {
  std::vector<std::size_t> all(cores_.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return per_second(all);
}

double Yardsticks::alone_per_second(std::size_t index) { return per_second({index}).front(); }

std::vector<double> Yardsticks::per_second(const std::vector<std::size_t>& indices) {
  std::vector<int> busy;
  for (const std::size_t index : indices) busy.push_back(cores_.at(index));
  std::vector<double> medians(indices.size());
  std::atomic<std::size_t> finished = 0;
  on_cores(busy, [&](std::size_t i) {
    HostProbe& probe = *probes_[indices[i]];
    std::vector<double> samples(kSamples);
    std::ranges::generate(samples, [&] { return sample(probe); });
    medians[i] = quantile(std::move(samples), 0.5);
    // A core that is done keeps its work up until all are, so that none measures beside an idle one.
    for (++finished; finished < indices.size();) sample(probe);
  });
  return medians;
}

}  // namespace ppplan::exec
