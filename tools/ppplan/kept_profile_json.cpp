#include "planner/spec/plan_json.h"
#include "tools/ppplan/gpu_json.h"
#include "tools/ppplan/kept_profile.h"
#include "traces/profile_json.h"

namespace ppplan::tools {
namespace {

using input::Json;
using input::Node;

constexpr const char* kKinds[] = {"layer", "embedding", "head"};  // by PointKind

exec::PointKind kind_from_json(const Node& node) {
  const std::string name = node.text();
  for (int kind = 0; kind < static_cast<int>(std::size(kKinds)); ++kind)
    if (name == kKinds[kind]) return static_cast<exec::PointKind>(kind);
  node.fail("layer, embedding or head");
}

Json point_json(const exec::PointSamples& samples) {
  const spec::BatchShape& batch = samples.point.batch;
  return {{"sequences", batch.sequences}, {"new_tokens", batch.new_tokens}, {"past_tokens", batch.past_tokens},
          {"samples", batch.samples},     {"graph_s", samples.graph_s},     {"eager_s", samples.eager_s}};
}

Json group_json(const exec::GroupProgress& group) {
  Json points = Json::array();
  for (const exec::PointSamples& samples : group.points)
    if (!samples.graph_s.empty()) points.push_back(point_json(samples));
  return {{"kind", kKinds[static_cast<int>(group.kind)]},
          {"shape", group.shape},
          {"finished", group.finished},
          {"spent_s", group.spent_s},
          {"points", points},
          {"gemms", gemms_json({group.gemms}, "group")}};
}

std::vector<double> seconds_from_json(const Node& node) {
  std::vector<double> out;
  for (const Node& item : node.items()) out.push_back(item.number(0));
  if (out.empty()) node.fail("at least one time", "none");
  return out;
}

exec::PointSamples point_from_json(const Node& node, exec::PointKind kind, int shape) {
  exec::PointSamples out;
  out.point = {kind, shape, {}};
  out.point.batch.sequences = node.at("sequences").count(1);
  out.point.batch.new_tokens = node.at("new_tokens").count(1);
  out.point.batch.past_tokens = node.at("past_tokens").count(0);
  out.point.batch.samples = node.at("samples").boolean();
  out.graph_s = seconds_from_json(node.at("graph_s"));
  out.eager_s = seconds_from_json(node.at("eager_s"));
  return out;
}

exec::GroupProgress group_from_json(const Node& node) {
  exec::GroupProgress out;
  out.kind = kind_from_json(node.at("kind"));
  out.shape = node.at("shape").count(0);
  out.finished = node.at("finished").boolean();
  out.spent_s = node.at("spent_s").number(0);
  for (const Node& point : node.at("points").items()) out.points.push_back(point_from_json(point, out.kind, out.shape));
  for (const Node& gemm : node.at("gemms").items()) out.gemms.push_back(gemm_from_json(gemm));
  return out;
}

}  // namespace

Json to_json(const exec::ProfileProgress& progress, const spec::ModelSpec& model) {
  Json out = {{"format", "ppplan/profile-partial/1"},
              {"machine", Json::object()},
              {"model", spec::to_json(model)},
              {"dates", progress.dates},
              {"groups", Json::array()},
              {"links", Json::array()}};
  for (const auto& [name, value] : progress.machine) out["machine"][name] = value;
  for (const exec::GroupProgress& group : progress.groups) out["groups"].push_back(group_json(group));
  for (const traces::LinkSample& link : progress.links) out["links"].push_back(traces::to_json(link));
  return out;
}

exec::ProfileProgress progress_from_json(const Node& document) {
  document.expect_format("ppplan/profile-partial/", 1);
  exec::ProfileProgress out;
  const Node machine = document.at("machine");
  for (const std::string& name : machine.keys()) out.machine[name] = machine.at(name).text();
  for (const Node& date : document.at("dates").items()) out.dates.push_back(date.text());
  for (const Node& group : document.at("groups").items()) out.groups.push_back(group_from_json(group));
  for (const Node& link : document.at("links").items()) out.links.push_back(traces::link_from_json(link));
  return out;
}

}  // namespace ppplan::tools
