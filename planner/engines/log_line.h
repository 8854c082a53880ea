// Lines of a log freed of what terminals, containers and Ray put around them, and which process wrote a line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ppplan::engines {

/// Walks over a text: lines end at \n, or at \r as progress bars write it. Colours (ESC [ ... m) and other control
/// characters are left out; of a longer line the first 64 KiB are kept.
class LogLines {
 public:
  static constexpr std::size_t longest_line = std::size_t{1} << 16;

  explicit LogLines(std::string_view text) : rest_(text) {}
  /// The next line, valid until the next call; nothing at the end.
  std::optional<std::string_view> next();
  /// Of the line that next() gave, counted in \n from 1.
  std::int64_t number() const { return number_; }

 private:
  void keep(std::string_view raw);

  std::string_view rest_;
  std::string line_;
  std::int64_t number_ = 0;
  bool counted_ = false;  // the current \n-line has its number already
};

/// Who wrote a line, as the words before its message tell.
struct LogProcess {
  std::string key;    // tells processes of one log apart; "" for a line that names none
  std::string label;  // "Worker_PP1_TP0", "VllmWorkerProcess", "EngineCore_DP0"
  bool worker = false;
  std::optional<std::int64_t> pid = std::nullopt;
  std::optional<int> rank = std::nullopt;
  std::optional<int> stage = std::nullopt;
  std::optional<int> tp_rank = std::nullopt;
  std::optional<int> replica = std::nullopt;
  bool operator==(const LogProcess&) const = default;
};

/// From "(EngineCore_DP0 pid=4) (RayWorkerWrapper pid=3, ip=10.0.0.1) INFO ...", "[Worker_TP3 pid=5]", "[rank2]:"; the
/// innermost one counts. Nothing when no process is named.
std::optional<LogProcess> process_of(std::string_view before_message);
/// Whether a line starts a record: it has a level (INFO, DEBUG, WARNING, ERROR, CRITICAL).
bool has_level(std::string_view before_message);

}  // namespace ppplan::engines
