#include "planner/engines/vllm_log.h"

#include <algorithm>
#include <set>

#include "planner/engines/log_reading.h"
#include "planner/engines/log_values.h"

namespace ppplan::engines {
namespace {

using Size = std::optional<std::int64_t>;

/// Where a size of one worker is kept; nothing for figures of the engine.
Size LogWorker::*member_of(Figure figure) {
  switch (figure) {
    case Figure::weights:
      return &LogWorker::weights_bytes;
    case Figure::consumed:
      return &LogWorker::consumed_bytes;
    case Figure::non_torch:
      return &LogWorker::non_torch_bytes;
    case Figure::activation:
      return &LogWorker::activation_bytes;
    case Figure::peak_torch:
      return &LogWorker::peak_torch_bytes;
    case Figure::kv:
      return &LogWorker::kv_bytes;
    case Figure::graph:
      return &LogWorker::graph_bytes;
    case Figure::graph_estimate:
      return &LogWorker::graph_estimate_bytes;
    case Figure::total:
      return &LogWorker::total_bytes;
    case Figure::free:
      return &LogWorker::free_bytes;
    default:
      return nullptr;
  }
}

void keep_least(Size& kept, Size value) {
  if (value && (!kept || *value < *kept)) kept = value;
}

void keep_setting(LogReading& reading, const char* name, Size value) {
  if (value && *value > 0) reading.log.settings[name] = std::to_string(*value);
}

void read_engine_figure(Figure figure, std::string_view behind, LogReading& reading) {
  VllmLog& log = reading.log;
  const Size count = leading_count(behind);
  switch (figure) {
    case Figure::kv_tokens:
      if (count && reading.kv_token_lines.size() < 4096) reading.kv_token_lines.push_back(*count);
      return keep_least(log.kv_tokens, count);
    case Figure::kv_blocks:
      return keep_least(log.kv_blocks, count);
    case Figure::max_model_len:
      return keep_setting(reading, "max_model_len", count);
    case Figure::max_num_batched_tokens:
      return keep_setting(reading, "max_num_batched_tokens", count);
    case Figure::block_size:
      return keep_setting(reading, "block_size", count);
    case Figure::batches_in_flight:
      if (count && *count > 0 && *count <= 10'000) log.batches_in_flight = static_cast<int>(*count);
      return;
    case Figure::concurrency:
      if (const auto told = leading_number(behind); told && *told >= 0) log.max_concurrency = *told;
      return;
    case Figure::utilization:
      if (const auto told = leading_number(behind); told && *told > 0 && *told <= 1) log.utilization = *told;
      return;
    default:
      return;
  }
}

void read_figure(const LogPattern& pattern, const FragmentSearch::Hit& hit, const LogRecord& record,
                 LogReading& reading) {
  const std::string_view behind = record.line.substr(hit.end);
  const auto member = member_of(*pattern.figure);
  if (!member) return read_engine_figure(*pattern.figure, behind, reading);
  // "N secs, took X GiB" is also said of other work.
  if (*pattern.figure == Figure::graph && !pattern.before &&
      record.line.substr(0, hit.end).find("raph") == std::string_view::npos)
    return;
  const Size size = pattern.before ? size_before(record.line, hit.begin) : leading_size(behind);
  if (!size || (*size < 0 && *pattern.figure != Figure::kv && *pattern.figure != Figure::non_torch)) return;
  record.process->figures.*member = size;
  if (*pattern.figure != Figure::free && *pattern.figure != Figure::total) record.process->has_figures = true;
}

/// "Free memory on device cuda:0 (43.5/44.4 GiB) on startup".
void read_free_memory(std::string_view behind, ProcessReading& process) {
  const std::size_t open = behind.find('(');
  const std::size_t slash = behind.find('/', open == std::string_view::npos ? 0 : open);
  if (open == std::string_view::npos || slash == std::string_view::npos || slash - open > 20) return;
  const Size total = leading_size(behind.substr(slash + 1));
  const std::string free_text = std::string(behind.substr(open + 1, slash - open - 1)) + " GiB";
  const Size free = leading_size(free_text);
  if (!total || !free || *free < 0 || *total < *free) return;
  process.figures.free_bytes = free;
  process.figures.total_bytes = total;
}

bool touched(const LogReading& reading) {
  return reading.log.started || !reading.log.failures.empty() ||
         std::any_of(reading.processes.begin(), reading.processes.end(),
                     [](const auto& item) { return item.second.has_figures; });
}

void start_again(LogReading& reading) {
  VllmLog next;
  next.source = reading.log.source;
  next.known_lines = reading.log.known_lines;
  next.starts = reading.log.starts + 1;
  reading = LogReading();
  reading.log = next;
}

void read_fact(Fact fact, const FragmentSearch::Hit& hit, const LogRecord& record, LogReading& reading) {
  const std::string_view behind = record.line.substr(hit.end);
  VllmLog& log = reading.log;
  switch (fact) {
    case Fact::banner:
      return read_version(
          fact == Fact::banner && record.line[hit.end - 1] == '.' ? record.line.substr(hit.end - 2) : behind, reading);
    case Fact::engine_config:
      read_version(behind, reading);
      return read_settings(record.line, reading);
    case Fact::arguments:
      return read_settings(record.line, reading);
    case Fact::partition:
      if (auto told = leading_list(behind); !told.empty()) log.partition = std::move(told);
      return;
    case Fact::rank:
      return read_rank(record.line, hit.begin, *record.process, reading);
    case Fact::v2_runner:
      log.v2_runner = true;
      return;
    case Fact::free_memory:
      return read_free_memory(behind, *record.process);
    case Fact::capturing:
      record.process->capturing = reading.capturing = true;
      return;
    case Fact::started:
      log.started = true;
      return;
    case Fact::traceback:
      record.process->frame.clear();
      return;
    case Fact::repeated:
      ++log.repeated_lines;
      return;
    case Fact::loading:
      if (log.settings.find("model") == log.settings.end())
        log.settings["model"] = std::string(behind.substr(0, std::min(behind.find_first_of(" ,"), behind.size())));
      return;
  }
}

/// The process of a line: the one it names; without a name, a new record belongs to the unnamed process, and what is no
/// record goes on with the last one.
ProcessReading& writer_of(std::string_view before_message, LogReading& reading) {
  const auto named = process_of(before_message);
  if (named)
    reading.current = named->key;
  else if (has_level(before_message))
    reading.current.clear();
  LogProcess same;
  same.key = reading.current;
  return reading.process(named ? *named : same);
}

void read_line(std::string_view line, std::int64_t number, const std::vector<FragmentSearch::Hit>& hits,
               const LogPatterns& known, LogReading& reading) {
  ++reading.log.known_lines;
  for (const FragmentSearch::Hit& hit : hits)
    if (known.patterns[hit.text].fact == Fact::banner && touched(reading)) start_again(reading);
  const LogRecord record{line, number, &writer_of(line.substr(0, hits.front().begin), reading)};
  for (const FragmentSearch::Hit& hit : hits) {
    const LogPattern& pattern = known.patterns[hit.text];
    if (pattern.figure)
      read_figure(pattern, hit, record, reading);
    else if (pattern.fact)
      read_fact(*pattern.fact, hit, record, reading);
    else if (!pattern.frame.empty())
      record.process->frame = pattern.frame;
    else
      read_failure(pattern, record, line.substr(hit.end), reading);
  }
}

}  // namespace

ProcessReading& LogReading::process(const LogProcess& of) {
  constexpr std::size_t most_processes = 16'384;
  auto found = processes.find(of.key);
  if (found == processes.end()) {
    const bool full = processes.size() >= most_processes;
    found = processes.try_emplace(full ? std::string() : of.key).first;
    if (!full) found->second.process = of;
  }
  return found->second;
}

VllmLog read_vllm_log(const std::string& text, const std::string& source) {
  const LogPatterns& known = log_patterns();
  LogReading reading;
  reading.log.source = source;
  LogLines lines(text);
  std::vector<FragmentSearch::Hit> hits;
  while (const auto line = lines.next()) {
    known.search.find(*line, hits);
    if (!hits.empty()) read_line(*line, lines.number(), hits, known, reading);
  }
  reading.log.lines = lines.number();
  settle_ranks(reading);
  settle_figures(reading);
  settle_failure(reading);
  return std::move(reading.log);
}

std::vector<int> stages_seen(const VllmLog& log) {
  std::set<int> seen;
  for (const LogWorker& worker : log.workers)
    if (worker.stage) seen.insert(*worker.stage);
  return {seen.begin(), seen.end()};
}

std::vector<int> stages_not_seen(const VllmLog& log) {
  const std::vector<int> seen = stages_seen(log);
  std::vector<int> out;
  for (int stage = 0; stage < log.parallel.pp; ++stage)
    if (!std::binary_search(seen.begin(), seen.end(), stage)) out.push_back(stage);
  return out;
}

}  // namespace ppplan::engines
