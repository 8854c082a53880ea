// What was measured of single operations and links on one kind of device, under one engine.
//
// A Profile is data. OperationTimes (operation_times.h) answers "how long does this operation take" from it: exactly at
// measured points, interpolated between them, by a fit where the profile carries one; and says when the question lies
// outside of what was measured.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "traces/profile_fit.h"

namespace ppplan::traces {

/// Dimensions that tell operations of one name apart, e.g. {"hidden":384,"heads":6,...} or {"n":1024,"k":384}.
using Shape = std::map<std::string, std::int64_t>;

/// One operation at one size. `tokens` are the new tokens of each sequence, `batch` the sequences, `kv_tokens` the
/// tokens already in the cache of each sequence. A GEMM has tokens = m and batch = 1. Times are of one device.
struct Operation {
  std::string op;     // "layer", "embedding", "head", "gemm", "context_attention", "generation_attention"
  std::string dtype;  // "bf16", "fp8", "fp32", ... as computed in
  Shape shape;
  int tp = 1;
  std::int64_t tokens = 1;
  std::int64_t batch = 1;
  std::int64_t kv_tokens = 0;
  double median_s = 0;
  double p10_s = 0;
  double p90_s = 0;
  int repeats = 1;
  double alone_s =
      0;  // median with every other core or device idle; 0 where it was not measured. median_s is the loaded one
  bool operator==(const Operation&) const = default;
};

/// One message size on one kind of link. `op` is "send_recv" or "all_reduce"; `link` is "nvlink", "pcie", "network" or
/// "memory" (two cores of one host); `ranks` take part; `bytes` is the message as one rank holds it. `from` and `to`
/// are the ends that were measured (device or core indices; first and last rank of a collective); they don't tell
/// samples apart.
/// `method` is how it was carried out where that changes with the size ("one-shot", "nccl"): a step in the curve.
struct LinkSample {
  std::string op;
  std::string link;
  int ranks = 2;
  int from = 0;
  int to = 1;
  std::int64_t bytes = 0;
  double median_s = 0;
  std::string engine{};  // under which it was measured, e.g. "nccl"; "" = the profile's engine
  std::string method{};
  bool operator==(const LinkSample&) const = default;
};

/// Relative error of a form on samples that did not take part in it. "rows": single rows were left out; "shapes": all
/// rows of a shape, (n, k) of a GEMM or (batch, length) of an attention.
struct HeldOutError {
  std::string op;
  std::string what;  // "rows" or "shapes"
  int samples = 0;
  double median = 0;    // fraction
  double p90 = 0;       // fraction
  std::string dtype{};  // of the operation; "" of a message
  std::string range{};  // the part of the samples that counts, e.g. "n, k >= 512"; the link of a message; "" = all
  bool operator==(const HeldOutError&) const = default;
};

struct Source {
  std::string name;  // project and file
  std::string commit;
  std::string licence;
  bool operator==(const Source&) const = default;
};

struct Profile {
  std::string engine;                          // "vllm 0.14.0", "ppplan 0.1", "nccl 2.27"
  std::string device;                          // catalog name: "h100-sxm", "cpu-core"
  std::map<std::string, std::string> machine;  // cpu or gpu, driver, clock, date, command, load; not "device"
  double core_speed = 0;  // of the cores that `operations` are stated for: how many of the host backend's fixed pieces
                          // of work they did per second; 0 = not noted. A speed, so that times that are wrong don't
                          // take it along
  double alone_core_speed = 0;  // the same on one core while the others idled; 0 = not noted
  int busy_cores = 0;           // that computed at once while the loaded times were taken; 0 = not noted
  std::vector<Operation> operations;
  std::vector<LinkSample> links;
  std::vector<Fit> fits;  // for operations of any shape
  std::vector<HeldOutError> errors;
  std::vector<Source> sources;
  bool operator==(const Profile&) const = default;
};

}  // namespace ppplan::traces
