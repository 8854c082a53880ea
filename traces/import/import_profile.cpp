#include "traces/import/import_profile.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <tuple>

#include "planner/input/document.h"
#include "planner/input/input_error.h"
#include "traces/import/fit_operation.h"
#include "traces/import/readers.h"
#include "traces/import/sources.h"
#include "traces/import/thin.h"

namespace ppplan::traces {
namespace {

std::vector<std::string> files_of(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(path, ignored)) return {path};
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(path, ignored))
    if (entry.path().extension() == ".csv") out.push_back(entry.path().string());
  std::sort(out.begin(), out.end());
  if (out.empty()) throw input::InputError(path, "", "a folder with *.csv files", "none");
  return out;
}

constexpr std::array known_devices = {KnownDevice{"H100 80GB HBM3", 132, "nvlink"},
                                      KnownDevice{"A100-SXM4", 108, "nvlink"},
                                      KnownDevice{"L40S", 142, "pcie"},
                                      KnownDevice{"h100-sxm", 132, "nvlink"},
                                      KnownDevice{"a100-sxm", 108, "nvlink"},
                                      KnownDevice{"l40s", 142, "pcie"}};

/// Repeats of one size become their mean, the width of their spread the widest.
std::vector<Operation> merged(const std::vector<Operation>& operations) {
  std::map<std::tuple<std::int64_t, std::int64_t, std::int64_t>, std::vector<Operation>> by_size;
  for (const Operation& one : operations) by_size[{one.tokens, one.batch, one.kv_tokens}].push_back(one);
  std::vector<Operation> out;
  for (const auto& [size, same] : by_size) {
    Operation& mean = out.emplace_back(same.front());
    mean.repeats = static_cast<int>(same.size());
    mean.median_s = 0;
    for (const Operation& one : same) {
      mean.median_s += one.median_s / static_cast<double>(same.size());
      mean.p10_s = std::min(mean.p10_s, one.p10_s);
      mean.p90_s = std::max(mean.p90_s, one.p90_s);
    }
  }
  return out;
}

void read_all(std::string_view format, const std::vector<CsvTable>& tables, const ImportOptions& options,
              Profile& profile) {
  std::vector<CsvTable> own;
  for (const CsvTable& table : tables) {
    const bool network = format != "csv" && is_vidur_network(table);
    profile.sources.push_back(source_of(network ? "vidur" : format, table.source()));
    if (network) {
      read_vidur_network(table, options, profile);
    } else if (format == "aiconfigurator") {
      own.push_back(table);
    } else {
      (format == "csv"     ? read_measured_csv
       : format == "vidur" ? read_vidur
                           : read_llmservingsim)(table, options, profile);
    }
  }
  if (!own.empty()) read_aiconfigurator(own, options, profile);
}

}  // namespace

KnownDevice known_device(std::string_view name) {
  for (const KnownDevice& device : known_devices)
    if (name.find(device.part_of_name) != std::string_view::npos) return device;
  return {"", 1, "nvlink"};
}

int multiprocessors_of(const ImportOptions& options, std::string_view device_name) {
  return options.multiprocessors > 0 ? options.multiprocessors : known_device(device_name).multiprocessors;
}

std::string intra_node_link_of(const ImportOptions& options, std::string_view device_name) {
  return options.intra_node_link.empty() ? std::string(known_device(device_name).intra_node_link)
                                         : options.intra_node_link;
}

void add_thinned(const std::vector<Operation>& operations, Profile& profile) {
  constexpr double ratio = 1.4;
  std::map<std::tuple<std::string, std::string, int, Shape>, std::vector<Operation>> sets;
  for (const Operation& one : operations) sets[{one.op, one.dtype, one.tp, one.shape}].push_back(one);
  std::map<std::pair<std::string, std::string>, std::vector<double>> errors;  // by op, dtype
  for (const auto& [key, set] : sets) {
    std::vector<Operation> left_out;
    const std::vector<Operation> kept = thin_operations(merged(set), ratio, left_out);
    profile.operations.insert(profile.operations.end(), kept.begin(), kept.end());
    const std::vector<double> of_set = interpolation_errors(kept, left_out);
    std::vector<double>& all = errors[{std::get<0>(key), std::get<1>(key)}];
    all.insert(all.end(), of_set.begin(), of_set.end());
  }
  for (const auto& [key, all] : errors) {
    if (all.empty()) continue;
    profile.errors.push_back(held_out_error(key.first, "rows", all));
    profile.errors.back().dtype = key.second;
  }
}

void add_thinned(const std::vector<LinkSample>& samples, int per_octave, Profile& profile) {
  constexpr int folds = 5;
  std::map<std::tuple<std::string, std::string, int>, std::vector<LinkSample>> curves;
  for (const LinkSample& one : samples) curves[{one.op, one.link, one.ranks}].push_back(one);
  std::map<std::pair<std::string, std::string>, std::vector<double>> errors;  // by op, link
  for (const auto& [key, curve] : curves) {
    const std::vector<LinkSample> thinned = thin_messages(curve, per_octave);
    profile.links.insert(profile.links.end(), thinned.begin(), thinned.end());
    const std::vector<double> of_curve = left_out_errors(curve, per_octave, folds);
    std::vector<double>& all = errors[{std::get<0>(key), std::get<1>(key)}];
    all.insert(all.end(), of_curve.begin(), of_curve.end());
  }
  for (const auto& [key, all] : errors) {
    if (all.empty()) continue;
    profile.errors.push_back(held_out_error(key.first, "rows", all));
    profile.errors.back().range = key.second;
  }
}

std::vector<std::string> import_formats() { return {"csv", "vidur", "aiconfigurator", "llmservingsim"}; }

Profile import_profile(std::string_view format, const std::vector<std::string>& paths, const ImportOptions& options) {
  const std::vector<std::string> formats = import_formats();
  if (std::find(formats.begin(), formats.end(), format) == formats.end())
    throw input::InputError("--from", "", "csv, vidur, aiconfigurator or llmservingsim", std::string(format));
  if (paths.empty()) throw input::InputError("profile import: expected files or folders to read, found none");
  std::vector<CsvTable> tables;
  for (const std::string& path : paths)
    for (const std::string& file : files_of(path)) tables.push_back(read_csv(file));
  Profile profile;
  profile.device = options.device;
  read_all(format, tables, options, profile);
  if (!options.engine.empty()) profile.engine = options.engine;
  if (profile.engine.empty()) profile.engine = "unnamed";
  return profile;
}

}  // namespace ppplan::traces
