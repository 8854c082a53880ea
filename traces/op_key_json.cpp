#include "traces/op_key_json.h"

namespace ppplan::traces {

void write_key(input::Json& object, const OpKey& key) {
  object["kind"] = name(key.kind);
  object["stage"] = key.stage;
  object["chunk"] = key.chunk;
  object["micro_batch"] = key.micro_batch;
  object["replica"] = key.replica;
}

OpKey read_key(const input::Node& node) {
  OpKey key;
  const input::Node kind = node.at("kind");
  const auto known = op_kind(kind.text());
  if (!known) kind.fail("a kind of operation (forward, backward, send, ...)");
  key.kind = *known;
  key.stage = node.at("stage").count(0);
  key.micro_batch = node.at("micro_batch").count(0);
  if (const auto chunk = node.find("chunk")) key.chunk = chunk->count(0);
  if (const auto replica = node.find("replica")) key.replica = replica->count(0);
  return key;
}

}  // namespace ppplan::traces
