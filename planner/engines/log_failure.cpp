// What ended a server: every failure of the log with its figures, and the one that the others follow from.
#include <algorithm>

#include "planner/engines/log_reading.h"
#include "planner/engines/log_values.h"

namespace ppplan::engines {
namespace {

constexpr std::size_t most_failures = 64;
constexpr std::size_t longest_text = 240;

using Size = std::optional<std::int64_t>;

std::optional<std::string_view> behind(std::string_view text, std::string_view marker) {
  const std::size_t at = text.find(marker);
  if (at == std::string_view::npos) return std::nullopt;
  return text.substr(at + marker.size());
}

Size size_behind(std::string_view text, std::string_view marker) {
  const auto found = behind(text, marker);
  return found ? leading_size(*found) : std::nullopt;
}

Size count_behind(std::string_view text, std::string_view marker) {
  const auto found = behind(text, marker);
  return found ? leading_count(*found) : std::nullopt;
}

Size size_ahead(std::string_view text, std::string_view marker) {
  const std::size_t at = text.find(marker);
  return at == std::string_view::npos ? std::nullopt : size_before(text, at);
}

/// PyTorch 2.1 and later, then the older form in brackets.
void read_allocation(std::string_view text, LogFailure& out) {
  out.tried_bytes = leading_size(text);
  if (const auto gpu = count_behind(text, "GPU "); gpu && *gpu < 4096) out.gpu = static_cast<int>(*gpu);
  out.total_bytes = size_behind(text, "total capacity of ");
  out.free_bytes = size_behind(text, "of which ");
  if (!out.total_bytes) out.total_bytes = size_ahead(text, " total capacity;");
  if (!out.free_bytes) out.free_bytes = size_ahead(text, " free;");
}

void read_context(std::string_view line, LogFailure& out) {
  out.max_model_len = count_behind(line, "max seq len ");
  out.needed_bytes = size_ahead(line, " KV cache is needed");
  out.available_bytes = size_behind(line, "available KV cache memory ");
  out.longest_model_len = count_behind(line, "estimated maximum model length is ");
  if (!out.longest_model_len) out.longest_model_len = count_behind(line, "stored in KV cache ");
}

/// "Free memory on device (17.2/23.6 GiB) on startup is less than desired GPU memory utilization (0.9, 21.2 GiB)".
void read_budget(std::string_view behind_text, const ProcessReading& process, LogFailure& out) {
  out.free_bytes = process.figures.free_bytes;
  out.total_bytes = process.figures.total_bytes;
  if (const auto wanted = behind(behind_text, ",")) out.available_bytes = leading_size(*wanted);
}

/// How far this worker had come, for a failure whose traceback tells nothing.
std::string place_by_progress(const ProcessReading& process, const LogReading& reading) {
  if (reading.log.started) return "serving";
  if (!process.frame.empty()) return process.frame;
  if (process.capturing || reading.capturing) return "cuda_graph";
  if (process.figures.kv_bytes || reading.log.kv_tokens || reading.log.kv_blocks) return "kv";
  return process.figures.weights_bytes ? "profile" : "weights";
}

std::string shortened(std::string_view line) {
  std::string out(line.substr(0, longest_text));
  // Not in the middle of a letter of several bytes.
  while (!out.empty() && line.size() > out.size() && (static_cast<unsigned char>(line[out.size()]) & 0xC0U) == 0x80U)
    out.pop_back();
  return out;
}

bool has_figures(const LogFailure& failure) {
  return failure.tried_bytes || failure.max_model_len || failure.dummy_requests || failure.total_bytes;
}

/// The same failure told twice: by the source line of a traceback and by its message.
bool told_again(LogFailure& last, const LogFailure& again) {
  if (last.kind != again.kind || last.process != again.process || last.place != again.place) return false;
  if (has_figures(last) && has_figures(again)) return false;
  if (!has_figures(last)) last = again;
  return true;
}

const LogFailure* strongest(const std::vector<LogFailure>& failures) {
  const LogFailure* best = nullptr;
  for (const LogFailure& failure : failures)
    if (!best || failure.strength > best->strength) best = &failure;
  return best;
}

/// The sampler's own message has no sizes; the failed allocation behind it has.
void borrow_allocation(LogFailure& failure, const std::vector<LogFailure>& failures) {
  if (failure.kind != "out_of_memory" || failure.tried_bytes) return;
  for (const LogFailure& other : failures)
    if (other.tried_bytes && other.process == failure.process) {
      failure.tried_bytes = other.tried_bytes;
      failure.free_bytes = other.free_bytes;
      failure.total_bytes = other.total_bytes;
      failure.gpu = other.gpu;
    }
}

/// The KV cache is judged by the engine, for the stage that has the least of it.
std::optional<int> stage_of_least_kv(const VllmLog& log, const LogFailure& failure) {
  const LogWorker* least = nullptr;
  for (const LogWorker& worker : log.workers)
    if (worker.kv_bytes && worker.stage && (!least || *worker.kv_bytes < *least->kv_bytes)) least = &worker;
  if (!least) return std::nullopt;
  constexpr std::int64_t rounding = 11 << 20;  // the log rounds to 0.01 GiB
  const bool same = failure.available_bytes && std::abs(*failure.available_bytes - *least->kv_bytes) <= rounding;
  if (same || *least->kv_bytes <= 0 || stages_not_seen(log).empty()) return least->stage;
  return std::nullopt;
}

}  // namespace

void read_failure(const LogPattern& pattern, const LogRecord& record, std::string_view behind_text,
                  LogReading& reading) {
  auto& failures = reading.log.failures;
  LogFailure failure;
  failure.kind = pattern.kind;
  failure.strength = pattern.strength;
  failure.process = record.process->process.key;
  failure.line = record.number;
  failure.text = shortened(record.line);
  failure.place = pattern.place.empty() ? place_by_progress(*record.process, reading) : pattern.place;
  if (failure.kind == "out_of_memory" && failure.place == "sampler")
    failure.dummy_requests = leading_count(behind_text);
  if (failure.kind == "out_of_memory" && pattern.place.empty()) read_allocation(behind_text, failure);
  if (failure.place == "context") read_context(record.line, failure);
  if (failure.place == "budget") read_budget(behind_text, *record.process, failure);
  if (!failures.empty() && told_again(failures.back(), failure)) return;
  // Room is kept for a later, stronger one.
  if (failures.size() < most_failures)
    failures.push_back(failure);
  else if (failure.strength > strongest(failures)->strength)
    failures.back() = failure;
}

void settle_failure(LogReading& reading) {
  VllmLog& log = reading.log;
  for (LogFailure& failure : log.failures) {
    const auto process = reading.processes.find(failure.process);
    if (process != reading.processes.end()) failure.stage = process->second.process.stage;
    if (!failure.stage && log.parallel.pp == 1) failure.stage = 0;
    const bool of_capacity = failure.place == "context" || failure.kind == "no_kv_memory";
    if (of_capacity && log.parallel.pp > 1) failure.stage = stage_of_least_kv(log, failure);
  }
  if (const LogFailure* root = strongest(log.failures)) {
    log.failure = *root;
    borrow_allocation(*log.failure, log.failures);
  }
}

}  // namespace ppplan::engines
