#include "exec/profile_progress.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace ppplan::exec {
namespace {

std::string fact(const Facts& facts, const std::string& name) {
  const auto found = facts.find(name);
  return found == facts.end() ? "none" : found->second;
}

auto product_of(const GemmChoice& gemm) {
  return std::tie(gemm.rows, gemm.inputs, gemm.outputs, gemm.bias, gemm.addend, gemm.output_type, gemm.heads);
}

bool is_at(const ProfilePoint& one, const ProfilePoint& other) {
  return one.kind == other.kind && one.shape == other.shape && one.batch == other.batch;
}

}  // namespace

std::string differences(const Facts& before, const Facts& now) {
  std::set<std::string> names;
  for (const Facts* facts : {&before, &now})
    for (const auto& [name, value] : *facts) names.insert(name);
  for (const char* name : {"date", "load"}) names.erase(name);
  std::string out;
  for (const std::string& name : names) {
    const std::string then = fact(before, name), today = fact(now, name);
    if (then == today) continue;
    out += (out.empty() ? "" : ", ") + name + " (" + then + ", now " + today + ")";
  }
  return out;
}

GroupProgress& group_of(ProfileProgress& progress, const ProfilePoint& point) {
  for (GroupProgress& group : progress.groups)
    if (group.kind == point.kind && group.shape == point.shape) return group;
  progress.groups.push_back({point.kind, point.shape, false, 0, {}, {}});
  return progress.groups.back();
}

PointSamples& samples_of(GroupProgress& group, const ProfilePoint& point) {
  for (PointSamples& samples : group.points)
    if (is_at(samples.point, point)) return samples;
  group.points.push_back({point, {}, {}});
  return group.points.back();
}

bool has_all(const GroupProgress& group, const std::vector<ProfilePoint>& points) {
  return std::all_of(points.begin(), points.end(), [&](const ProfilePoint& point) {
    return std::any_of(group.points.begin(), group.points.end(), [&](const PointSamples& samples) {
      return is_at(samples.point, point) && !samples.graph_s.empty();
    });
  });
}

void merge(std::vector<GemmChoice>& into, const std::vector<GemmChoice>& more) {
  for (const GemmChoice& gemm : more) {
    const auto same = [&](const GemmChoice& known) { return product_of(known) == product_of(gemm); };
    if (std::none_of(into.begin(), into.end(), same)) into.push_back(gemm);
  }
}

std::size_t measured_points(const ProfileProgress& progress) {
  std::size_t count = 0;
  for (const GroupProgress& group : progress.groups)
    for (const PointSamples& samples : group.points) count += samples.graph_s.empty() ? 0 : 1;
  return count;
}

}  // namespace ppplan::exec
