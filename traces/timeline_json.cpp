#include "traces/timeline_json.h"

#include "traces/op_key_json.h"

namespace ppplan::traces {
namespace {

input::Json span_json(const Span& span) {
  input::Json out = {{"device", span.device}};
  write_key(out, span.key);
  out["start_s"] = span.start_s;
  out["end_s"] = span.end_s;
  out["bytes"] = span.bytes;
  return out;
}

Span read_span(const input::Node& node, int device_count) {
  Span span;
  const input::Node device = node.at("device");
  span.device = device.count(0);
  if (span.device >= device_count) device.fail("a device below " + std::to_string(device_count));
  span.key = read_key(node);
  span.start_s = node.at("start_s").number(0);
  span.end_s = node.at("end_s").number(span.start_s);
  if (const auto bytes = node.find("bytes")) span.bytes = bytes->integer(0);
  return span;
}

}  // namespace

input::Json to_json(const Timeline& timeline) {
  input::Json spans = input::Json::array();
  for (const Span& span : timeline.spans) spans.push_back(span_json(span));
  return {{"format", "ppplan/timeline/1"},
          {"origin", timeline.origin},
          {"makespan_s", makespan_s(timeline)},
          {"devices", timeline.devices},
          {"spans", std::move(spans)}};
}

Timeline timeline_from_json(const input::Node& node) {
  node.expect_format("ppplan/timeline/", 1);
  Timeline timeline;
  timeline.origin = node.at("origin").text();
  for (const input::Node& device : node.at("devices").items()) timeline.devices.push_back(device.text());
  const auto device_count = static_cast<int>(timeline.devices.size());
  for (const input::Node& span : node.at("spans").items()) timeline.spans.push_back(read_span(span, device_count));
  sort_spans(timeline);
  return timeline;
}

}  // namespace ppplan::traces
