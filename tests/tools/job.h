// A run of ppplan over ranks, with a fault done to one of them while it goes on.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ppplan::tests {

enum class Fault { kill, stop, drop_socket };

/// A process of ppplan whose output is kept; killed when it is destroyed before it has ended.
class Job {
 public:
  /// `environment` comes on top of this process's own; `before` stands before the program in its line.
  explicit Job(const std::vector<std::string>& arguments, const std::map<std::string, std::string>& environment = {},
               std::vector<std::string> before = {});
  ~Job();
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  pid_t process() const { return process_; }
  /// Processes that it started and that have not ended, by rank; waits until there are `count`, or it has ended.
  std::vector<pid_t> ranks(int count) const;
  /// Exit status, 128 + the signal that ended it, or nothing when it has not ended after `seconds`.
  std::optional<int> ended(double seconds);
  std::string out() const;
  std::string err() const;

 private:
  std::string folder_;
  pid_t process_ = 0;
};

/// Whether a process runs or is stopped (and not merely waits to be asked how it ended).
bool is_alive(pid_t process);
/// False where it could not be done: the process has ended, or has no connection just now.
bool do_fault(Fault fault, pid_t process, unsigned seed);
/// Whether this process may take a copy of another's socket (pidfd_getfd), which drop_socket needs.
bool may_drop_sockets();

}  // namespace ppplan::tests
