#include "traces/import/boosted_trees.h"

#include <algorithm>
#include <cmath>

namespace ppplan::traces {
namespace {

constexpr std::size_t most_thresholds = 63;
constexpr int leaf_zero = 2048;
constexpr double gradient_steps = 1000;

double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Halfway between neighbouring values, thinned evenly over the distinct values where there are too many.
std::vector<double> thresholds_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end(), [](double a, double b) { return b - a < 1e-9; }),
               values.end());
  std::vector<double> all;
  // Six digits are plenty to tell sizes apart, and keep the document small.
  for (std::size_t i = 1; i < values.size(); ++i)
    all.push_back(std::round((values[i - 1] + values[i]) / 2 * 1e5) / 1e5);
  all.erase(std::unique(all.begin(), all.end()), all.end());
  if (all.size() <= most_thresholds) return all;
  std::vector<double> out;
  for (std::size_t i = 0; i < most_thresholds; ++i)
    out.push_back(all[(2 * i + 1) * all.size() / (2 * most_thresholds)]);
  return out;
}

struct Split {
  std::size_t feature = 0;
  std::size_t threshold = most_thresholds;  // beyond every list: all rows go left
  double gain = 0;
};

class Booster {
 public:
  Booster(const std::vector<TrainingRow>& rows, const BoostingOptions& options, Fit& fit)
      : options_(options), fit_(fit), residuals_(rows.size()), gradients_(rows.size()), nodes_(rows.size()) {
    for (std::size_t feature = 0; feature < fit.features.size(); ++feature) {
      std::vector<double> values;
      for (const TrainingRow& row : rows) values.push_back(row.features[feature]);
      const std::vector<double>& thresholds = fit.features[feature].thresholds = thresholds_of(values);
      std::vector<std::uint8_t>& bins = bins_.emplace_back();
      for (double value : values)
        bins.push_back(static_cast<std::uint8_t>(std::lower_bound(thresholds.begin(), thresholds.end(), value) -
                                                 thresholds.begin()));
    }
    std::vector<double> targets;
    for (const TrainingRow& row : rows) targets.push_back(row.target);
    fit.offset = std::round(median(targets) * 1e6) / 1e6;
    for (std::size_t i = 0; i < rows.size(); ++i) residuals_[i] = rows[i].target - fit.offset;
  }

  std::string grow() {
    for (std::size_t i = 0; i < residuals_.size(); ++i)
      gradients_[i] =
          static_cast<int>(std::lround(gradient_steps * std::clamp(residuals_[i] / options_.delta, -1.0, 1.0)));
    std::fill(nodes_.begin(), nodes_.end(), 0);
    std::string text;
    for (int level = 0; level < options_.depth; ++level) {
      const std::vector<Split> splits = best_splits(std::size_t{1} << level);
      for (const Split& split : splits) text += {fit_alphabet[split.feature], fit_alphabet[split.threshold]};
      for (std::size_t i = 0; i < nodes_.size(); ++i) {
        const Split& split = splits[nodes_[i]];
        nodes_[i] = static_cast<std::uint16_t>(2 * nodes_[i] + (bins_[split.feature][i] > split.threshold ? 1 : 0));
      }
    }
    return text + leaves();
  }

 private:
  struct Bin {
    int rows = 0;
    std::int64_t sum = 0;
  };

  std::vector<Split> best_splits(std::size_t nodes) const {
    std::vector<Split> best(nodes);
    std::vector<Bin> bins(nodes * (most_thresholds + 1));
    for (std::size_t feature = 0; feature < bins_.size(); ++feature) {
      std::fill(bins.begin(), bins.end(), Bin{});
      for (std::size_t i = 0; i < nodes_.size(); ++i) {
        Bin& bin = bins[nodes_[i] * (most_thresholds + 1) + bins_[feature][i]];
        ++bin.rows;
        bin.sum += gradients_[i];
      }
      for (std::size_t node = 0; node < nodes; ++node)
        improve(best[node], feature, &bins[node * (most_thresholds + 1)]);
    }
    return best;
  }

  /// Squared error falls by L^2/l + R^2/r - (L + R)^2/(l + r), L and R the sums of l and r gradients left and right.
  void improve(Split& best, std::size_t feature, const Bin* bins) const {
    Bin all;
    for (std::size_t i = 0; i <= most_thresholds; ++i) all = {all.rows + bins[i].rows, all.sum + bins[i].sum};
    if (all.rows < 2 * options_.smallest_leaf) return;
    const auto square = [](const Bin& bin) {
      return static_cast<double>(bin.sum) * static_cast<double>(bin.sum) / bin.rows;
    };
    Bin left;
    for (std::size_t i = 0; i < fit_.features[feature].thresholds.size(); ++i) {
      left = {left.rows + bins[i].rows, left.sum + bins[i].sum};
      const Bin right{all.rows - left.rows, all.sum - left.sum};
      if (left.rows < options_.smallest_leaf || right.rows < options_.smallest_leaf) continue;
      const double gain = square(left) + square(right) - square(all);
      if (gain > best.gain + 1e-9) best = {feature, i, gain};
    }
  }

  /// Huber's estimate of the centre, one step from the median.
  double centre(std::vector<double>& residuals) const {
    const double middle = median(residuals);
    double sum = 0;
    for (double one : residuals) sum += std::clamp(one - middle, -options_.delta, options_.delta);
    return middle + sum / static_cast<double>(residuals.size());
  }

  std::string leaves() {
    std::vector<std::vector<double>> members(std::size_t{1} << options_.depth);
    for (std::size_t i = 0; i < nodes_.size(); ++i) members[nodes_[i]].push_back(residuals_[i]);
    std::vector<double> values;
    std::string text;
    for (std::vector<double>& of_leaf : members) {
      const double value = of_leaf.empty() ? 0 : options_.rate * centre(of_leaf) / options_.leaf_unit;
      const int whole = std::clamp(static_cast<int>(std::lround(value)), -leaf_zero, leaf_zero - 1);
      text += {fit_alphabet[static_cast<std::size_t>(whole + leaf_zero) / 64],
               fit_alphabet[static_cast<std::size_t>(whole + leaf_zero) % 64]};
      values.push_back(whole * options_.leaf_unit);
    }
    for (std::size_t i = 0; i < nodes_.size(); ++i) residuals_[i] -= values[nodes_[i]];
    return text;
  }

  BoostingOptions options_;
  Fit& fit_;
  std::vector<std::vector<std::uint8_t>> bins_;  // [feature][row]
  std::vector<double> residuals_;
  std::vector<int> gradients_;
  std::vector<std::uint16_t> nodes_;  // of the current level, by row
};

}  // namespace

void boost(const std::vector<TrainingRow>& rows, const std::vector<std::string>& feature_names,
           const BoostingOptions& options, Fit& fit) {
  fit.features.clear();
  for (const std::string& name : feature_names) fit.features.push_back({name, {}});
  fit.depth = options.depth;
  fit.leaf_unit = options.leaf_unit;
  fit.trees.clear();
  Booster booster(rows, options, fit);
  for (int tree = 0; tree < options.trees; ++tree) fit.trees.push_back(booster.grow());
}

}  // namespace ppplan::traces
