// The state of reading a log, shared by the readers of figures, settings and failures.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "planner/engines/log_line.h"
#include "planner/engines/log_patterns.h"
#include "planner/engines/vllm_log.h"

namespace ppplan::engines {

/// What is known of a process while reading.
struct ProcessReading {
  LogProcess process;
  LogWorker figures;
  bool has_figures = false;
  bool capturing = false;
  std::string frame;  // of the last traceback: the innermost known place
};

struct LogReading {
  VllmLog log;
  std::map<std::string, ProcessReading, std::less<>> processes;
  std::string current;  // key of the process that wrote the last record
  std::vector<std::int64_t> kv_token_lines;
  bool capturing = false;

  ProcessReading& process(const LogProcess& of);
};

/// A line with the process that wrote it.
struct LogRecord {
  std::string_view line;
  std::int64_t number = 0;
  ProcessReading* process = nullptr;
};

void read_settings(std::string_view line, LogReading& reading);
void read_version(std::string_view after, LogReading& reading);
/// From "rank 3 in world size 4 is assigned as DP rank 0, PP rank 1, TP rank 1".
void read_rank(std::string_view line, std::size_t at, ProcessReading& process, LogReading& reading);
/// `behind` starts after the failure's text.
void read_failure(const LogPattern& pattern, const LogRecord& record, std::string_view behind, LogReading& reading);

/// After the last line: who is which rank, parts of sums, the failure that explains the others.
void settle_ranks(LogReading& reading);
void settle_figures(LogReading& reading);
void settle_failure(LogReading& reading);

}  // namespace ppplan::engines
