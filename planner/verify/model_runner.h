// Whether vLLM's model runner V2 serves a model, from the catalog's table of releases without the planner's reader.
#pragma once

#include <cstdint>
#include <string>

#include "planner/input/document.h"

namespace ppplan::verify {

/// `model` as a plan document states it; version "" = the newest whose source the table knows. A release follows the
/// last row that lists V2's models; quantized models are served since the row that says so.
bool runs_on_v2(const input::Node& model, const std::string& version);
/// What decides between the engines of one version.
struct EngineFacts {
  std::int64_t stages = 1;
  std::int64_t capability = 0;  // in tenths, 0 = not known
  bool v0 = false;              // engine V0 is asked for
  bool fp8_kv = false;
  bool v1 = false;  // engine V1 is asked for
};
/// Of a model whose family engine V1 has no file for, or that keeps states which V1 serves only where it is `asked`.
bool is_left_to_v0(const input::Node& model, const std::string& version, const std::string& asked);
/// True when engine V0 serves, by itself or where it is asked for.
bool runs_on_v0(const std::string& version, const EngineFacts& asked);

}  // namespace ppplan::verify
