#include "traces/profile_json.h"

#include "traces/profile_fit_json.h"

namespace ppplan::traces {
namespace {

using input::Json;
using input::Node;

/// Times below the smallest normal number would round to zero somewhere; nothing measured comes near.
constexpr double shortest_s = 1e-12;

Json to_json(const HeldOutError& error) {
  Json out = {{"op", error.op}};
  if (!error.dtype.empty()) out["dtype"] = error.dtype;
  if (!error.range.empty()) out["range"] = error.range;
  out["what"] = error.what;
  out["samples"] = error.samples;
  out["median"] = error.median;
  out["p90"] = error.p90;
  return out;
}

Json to_json(const Source& source) {
  return {{"name", source.name}, {"commit", source.commit}, {"licence", source.licence}};
}

double duration(const Node& node) { return node.number(shortest_s); }

std::string text_or(const Node& node, const char* key, const std::string& otherwise) {
  const auto member = node.find(key);
  return member ? member->text() : otherwise;
}

int count_or(const Node& node, const char* key, int low, int otherwise) {
  const auto member = node.find(key);
  return member ? member->count(low) : otherwise;
}

Shape shape_from_json(const Node& node) {
  Shape out;
  for (const std::string& key : node.keys()) out[key] = node.at(key).integer(0);
  return out;
}

Operation operation_from_json(const Node& node) {
  Operation out;
  out.op = node.at("op").text();
  out.dtype = text_or(node, "dtype", "");
  if (const auto shape = node.find("shape")) out.shape = shape_from_json(*shape);
  out.tp = count_or(node, "tp", 1, 1);
  out.tokens = node.at("tokens").integer(1);
  out.batch = node.at("batch").integer(1);
  out.kv_tokens = node.at("kv_tokens").integer(0);
  out.median_s = duration(node.at("median_s"));
  const auto p10 = node.find("p10_s");
  const auto p90 = node.find("p90_s");
  out.p10_s = p10 ? duration(*p10) : out.median_s;
  out.p90_s = p90 ? duration(*p90) : out.median_s;
  if (p90 && out.p90_s < out.p10_s) p90->fail("a time of at least p10_s");
  out.repeats = count_or(node, "repeats", 1, 1);
  if (const auto alone = node.find("alone_s")) out.alone_s = duration(*alone);
  return out;
}

HeldOutError error_from_json(const Node& node) {
  HeldOutError out;
  out.op = node.at("op").text();
  out.what = node.at("what").text();
  out.samples = node.at("samples").count(1);
  out.median = node.at("median").number(0);
  out.p90 = node.at("p90").number(0);
  out.dtype = text_or(node, "dtype", "");
  out.range = text_or(node, "range", "");
  return out;
}

Source source_from_json(const Node& node) {
  return {node.at("name").text(), text_or(node, "commit", ""), text_or(node, "licence", "")};
}

template <typename T>
Json list(const std::vector<T>& values) {
  Json out = Json::array();
  for (const T& value : values) out.push_back(to_json(value));
  return out;
}

template <typename T>
void read_list(const Node& node, const char* key, T (*read)(const Node&), std::vector<T>& out) {
  const auto member = node.find(key);
  if (!member) return;
  for (const Node& item : member->items()) out.push_back(read(item));
}

}  // namespace

Json to_json(const Operation& operation) {
  Json out = {{"op", operation.op}, {"dtype", operation.dtype}, {"shape", Json::object()}};
  for (const auto& [name, value] : operation.shape) out["shape"][name] = value;
  out["tp"] = operation.tp;
  out["tokens"] = operation.tokens;
  out["batch"] = operation.batch;
  out["kv_tokens"] = operation.kv_tokens;
  out["median_s"] = operation.median_s;
  out["p10_s"] = operation.p10_s;
  out["p90_s"] = operation.p90_s;
  out["repeats"] = operation.repeats;
  if (operation.alone_s > 0) out["alone_s"] = operation.alone_s;
  return out;
}

Json to_json(const LinkSample& sample) {
  Json out = {{"op", sample.op}, {"link", sample.link},   {"ranks", sample.ranks},      {"from", sample.from},
              {"to", sample.to}, {"bytes", sample.bytes}, {"median_s", sample.median_s}};
  if (!sample.engine.empty()) out["engine"] = sample.engine;
  if (!sample.method.empty()) out["method"] = sample.method;
  return out;
}

Json to_json(const Profile& profile) {
  Json out = {{"format", "ppplan/profile/1"}, {"engine", profile.engine}, {"device", profile.device}};
  out["machine"] = {{"device", profile.device}};
  for (const auto& [key, value] : profile.machine) out["machine"][key] = value;
  if (profile.core_speed > 0) out["core_speed"] = profile.core_speed;
  if (profile.alone_core_speed > 0) out["alone_core_speed"] = profile.alone_core_speed;
  if (profile.busy_cores > 0) out["busy_cores"] = profile.busy_cores;
  out["operations"] = list(profile.operations);
  out["links"] = list(profile.links);
  out["fits"] = list(profile.fits);
  out["errors"] = list(profile.errors);
  out["sources"] = list(profile.sources);
  return out;
}

LinkSample link_from_json(const Node& node) {
  LinkSample out;
  out.op = node.at("op").text();
  out.link = node.at("link").text();
  out.ranks = count_or(node, "ranks", 2, 2);
  out.from = count_or(node, "from", 0, 0);
  out.to = count_or(node, "to", 0, out.ranks - 1);
  out.bytes = node.at("bytes").integer(1);
  out.median_s = duration(node.at("median_s"));
  out.engine = text_or(node, "engine", "");
  out.method = text_or(node, "method", "");
  return out;
}

Profile profile_from_json(const Node& node) {
  node.expect_format("ppplan/profile/", 1);
  Profile out;
  out.engine = node.at("engine").text();
  out.device = node.at("device").text();
  if (const auto machine = node.find("machine")) {
    for (const std::string& key : machine->keys()) {
      if (key != "device") out.machine[key] = machine->at(key).text();
    }
  }
  if (const auto speed = node.find("core_speed")) out.core_speed = speed->number(0);
  if (const auto alone = node.find("alone_core_speed")) out.alone_core_speed = alone->number(0);
  if (const auto busy = node.find("busy_cores")) out.busy_cores = busy->count();
  read_list(node, "operations", operation_from_json, out.operations);
  read_list(node, "links", link_from_json, out.links);
  read_list(node, "fits", fit_from_json, out.fits);
  read_list(node, "errors", error_from_json, out.errors);
  read_list(node, "sources", source_from_json, out.sources);
  return out;
}

std::string to_text(const Profile& profile) { return to_text(to_json(profile)); }

std::string to_text(const Json& document) {
  std::string out = "{";
  for (const auto& [key, value] : document.items()) {
    out += (out.size() > 1 ? ",\n" : "\n") + Json(key).dump() + ": ";
    if (!value.is_array()) {
      out += value.dump();
      continue;
    }
    out += "[";
    for (std::size_t i = 0; i < value.size(); ++i) out += (i > 0 ? ",\n" : "\n") + value[i].dump();
    out += "]";
  }
  return out + "\n}\n";
}

}  // namespace ppplan::traces
