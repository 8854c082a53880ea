#include "planner/engines/log_line.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace ppplan::engines {
namespace {

constexpr char escape = '\x1b';
constexpr int most_ranks = 1'000'000;

/// The end of an escape sequence that starts at `at`: ESC [ parameters letter, or ESC and one more.
std::size_t after_escape(std::string_view raw, std::size_t at) {
  ++at;
  if (at >= raw.size() || raw[at] != '[') return std::min(at + 1, raw.size());
  ++at;
  while (at < raw.size() && (std::isdigit(static_cast<unsigned char>(raw[at])) || raw[at] == ';' || raw[at] == '?'))
    ++at;
  return std::min(at + 1, raw.size());
}

std::optional<int> number_after(std::string_view text, std::string_view name) {
  const std::size_t at = text.find(name);
  if (at == std::string_view::npos) return std::nullopt;
  int value = 0;
  const char* const begin = text.data() + at + name.size();
  const auto [end, error] = std::from_chars(begin, text.data() + text.size(), value);
  if (error != std::errc() || value < 0 || value > most_ranks) return std::nullopt;
  return value;
}

std::size_t last_of(std::string_view text, std::string_view name) {
  const std::size_t at = text.rfind(name);
  return at == std::string_view::npos ? 0 : at + 1;  // 0: not there
}

bool is_label(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-'; }

/// "Worker_PP1_TP0 pid=5" after an opening bracket, to the closing one.
LogProcess labelled(std::string_view inside) {
  LogProcess out;
  const auto letters = std::find_if_not(inside.begin(), inside.end(), is_label);
  out.label = std::string(inside.begin(), letters);
  out.worker = out.label.find("Worker") != std::string::npos;
  out.pid = number_after(inside, "pid=");
  out.rank = number_after(inside, "rank=");
  out.stage = number_after(out.label, "_PP");
  out.tp_rank = number_after(out.label, "_TP");
  out.replica = number_after(out.label, "_DP");
  // A label of ranks may be given twice by workers of two nodes, an address never.
  out.key = std::string(inside);
  return out;
}

std::optional<LogProcess> bracketed(std::string_view text) {
  std::size_t begin = 0;
  for (const char* name :
       {"(Worker", "(VllmWorker", "(RayWorker", "(EngineCore", "(APIServer", "[Worker", "[EngineCore"})
    begin = std::max(begin, last_of(text, name));
  if (begin == 0) return std::nullopt;
  const std::size_t end = text.find_first_of(")]", begin);
  if (end == std::string_view::npos) return std::nullopt;
  return labelled(text.substr(begin, end - begin));
}

/// PyTorch's "[rank2]:" before lines of a traceback.
std::optional<LogProcess> ranked(std::string_view text) {
  const auto rank = number_after(text, "[rank");
  if (!rank) return std::nullopt;
  LogProcess out;
  out.label = "rank " + std::to_string(*rank);
  out.key = out.label;
  out.worker = true;
  out.rank = rank;
  return out;
}

}  // namespace

void LogLines::keep(std::string_view raw) {
  line_.clear();
  for (std::size_t at = 0; at < raw.size() && line_.size() < longest_line;) {
    const auto c = static_cast<unsigned char>(raw[at]);
    if (raw[at] == escape) {
      at = after_escape(raw, at);
      continue;
    }
    if (c >= ' ' || c == '\t') line_ += raw[at];
    ++at;
  }
}

std::optional<std::string_view> LogLines::next() {
  if (rest_.empty()) return std::nullopt;
  if (!counted_) ++number_;
  const std::size_t end = std::min(rest_.find_first_of("\r\n"), rest_.size());
  keep(rest_.substr(0, end));
  // \r\n is one end of a line, a \r alone stays within the same \n-line.
  counted_ = end < rest_.size() && rest_[end] == '\r';
  rest_.remove_prefix(std::min(end + 1, rest_.size()));
  if (counted_ && rest_.starts_with('\n')) {
    rest_.remove_prefix(1);
    counted_ = false;
  }
  return line_;
}

std::optional<LogProcess> process_of(std::string_view before_message) {
  if (auto found = bracketed(before_message)) return found;
  return ranked(before_message);
}

bool has_level(std::string_view before_message) {
  for (const char* level : {"INFO", "DEBUG", "WARNING", "ERROR", "CRITICAL"})
    if (before_message.find(level) != std::string_view::npos) return true;
  return false;
}

}  // namespace ppplan::engines
