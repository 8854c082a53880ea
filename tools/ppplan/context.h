// What every subcommand shares: where output goes, in which format, and how it ends.
//
// Results go to standard output, everything else to standard error. A command prints its document once it is complete,
// so that bad input leaves standard output empty.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "planner/input/document.h"

namespace ppplan::tools {

/// Exit statuses of the contract.
enum Exit : int {
  exit_done = 0,
  exit_failure = 1,
  exit_bad_input = 2,
  exit_does_not_fit = 3,
  exit_unavailable = 4,
  exit_disagrees = 5,
  exit_cut_short = 6,
};

/// The asked backend or hardware is not available here (exit 4).
class Unavailable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Context {
  std::string format = "text";  // or "json"
  bool quiet = false;
  std::string data_folder;
  std::vector<std::string> command_line;  // as the program was called, its name first
  int status = exit_done;
  bool json() const { return format == "json"; }
};

/// One JSON document, indented, and a newline.
void print_json(const input::Json& document);
void print_text(std::string_view text);
/// A line on standard error unless --quiet.
void note(const Context& context, std::string_view sentence);

/// A bar on standard error while something long goes on: only when that is a terminal and not --quiet.
class Progress {
 public:
  Progress(const Context& context, std::string what);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  /// fraction in [0, 1].
  void update(double fraction, std::string_view detail = {});

 private:
  std::string what_;
  bool shown_ = false;
  bool drawn_ = false;
  int last_permille_ = -1;
};

}  // namespace ppplan::tools
