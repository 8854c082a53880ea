#include "exec/launch/local_ranks.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/read_until.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <csignal>
#include <cstring>
#include <deque>
#include <optional>

#include "exec/groups/tcp_world.h"
#include "exec/launch/job_place.h"
#include "planner/input/input_error.h"

namespace ppplan::exec::launch {

namespace {

constexpr int kCutShort = 6;  // the exit status of a run that a rank's death ended
constexpr std::chrono::seconds kPatience(2);

struct RankProcess {
  pid_t process = 0;
  int out = -1;  // the ends of its pipes that this process reads
  int err = -1;
};

[[noreturn]] void become_rank(const LocalRanks& ranks, int rank, const groups::Listener& listener, pid_t launcher,
                              int out, int err) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != launcher) _exit(kCutShort);  // it ended before the line above
  const int nothing = open("/dev/null", O_RDONLY);
  dup2(nothing, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  const auto set = [](const char* name, const std::string& value) { setenv(name, value.c_str(), 1); };
  set("RANK", std::to_string(rank));
  set("LOCAL_RANK", std::to_string(rank));
  set("WORLD_SIZE", std::to_string(ranks.size));
  set("LOCAL_WORLD_SIZE", std::to_string(ranks.size));
  set("MASTER_ADDR", "127.0.0.1");
  set("PPPLAN_PORT", std::to_string(listener.port));
  set("MASTER_PORT", std::to_string(listener.port));
  set(listener_variable, std::to_string(listener.socket));
  if (rank != 0) close(listener.socket);
  std::vector<char*> arguments;
  for (const std::string& word : ranks.command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  execv("/proc/self/exe", arguments.data());
  _exit(kCutShort);
}

RankProcess start_rank(const LocalRanks& ranks, int rank, const groups::Listener& listener) {
  std::array<int, 2> out{}, err{};
  if (pipe2(out.data(), O_CLOEXEC) != 0 || pipe2(err.data(), O_CLOEXEC) != 0)
    throw input::InputError(fmt::format("can't make pipes to rank {}: {}", rank, std::strerror(errno)));
  const pid_t launcher = getpid();
  const pid_t process = fork();
  if (process < 0) throw input::InputError(fmt::format("can't start rank {}: {}", rank, std::strerror(errno)));
  if (process == 0) become_rank(ranks, rank, listener, launcher, out[1], err[1]);
  close(out[1]);
  close(err[1]);
  return {process, out[0], err[0]};
}

void write_all(int to, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(to, text.data(), text.size());
    if (written < 0 && errno != EINTR) return;  // nobody reads it any more
    text.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(written, 0)));
  }
}

/// Passes on what comes out of a pipe until its other end is closed: line by line with the prefix, or as it comes.
class Relay {
 public:
  Relay(asio::io_context& context, int from, int to, std::string prefix)
      : from_(context, from), to_(to), prefix_(std::move(prefix)) {}

  void start() {
    from_.async_read_some(asio::buffer(read_), [this](const asio::error_code& error, std::size_t count) {
      unfinished_.append(read_.data(), count);
      pass_on(static_cast<bool>(error));
      if (!error) start();
    });
  }

 private:
  void pass_on(bool ended) {
    if (prefix_.empty()) return write_all(to_, std::exchange(unfinished_, {}));
    for (std::size_t end; (end = unfinished_.find('\n')) != std::string::npos; unfinished_.erase(0, end + 1))
      write_all(to_, prefix_ + unfinished_.substr(0, end + 1));
    if (ended && !unfinished_.empty()) write_all(to_, prefix_ + unfinished_ + "\n");
  }

  asio::posix::stream_descriptor from_;
  int to_;
  std::string prefix_;
  std::string unfinished_;
  std::array<char, 1 << 14> read_{};
};

class Launcher {
 public:
  Launcher(const LocalRanks& ranks, std::vector<RankProcess> processes)
      : settings_(ranks), running_(std::move(processes)), signals_(context_, SIGINT, SIGTERM, SIGCHLD) {
    for (std::size_t r = 0; r < running_.size(); ++r) {
      const std::string prefix = fmt::format("[{}] ", r);
      relays_.emplace_back(context_, running_[r].out, r == 0 ? STDOUT_FILENO : STDERR_FILENO, r == 0 ? "" : prefix);
      relays_.emplace_back(context_, running_[r].err, STDERR_FILENO, prefix);
      stopped_.emplace_back(context_);
    }
  }

  int run() {
    for (Relay& relay : relays_) relay.start();
    await_signal();
    look_at_ranks();  // one may have ended before the signals were awaited
    context_.run();
    return interrupted_ ? 128 + *interrupted_ : status_;
  }

 private:
  void await_signal() {
    signals_.async_wait([this](const asio::error_code& error, int signal) {
      if (error) return;
      if (signal == SIGCHLD)
        look_at_ranks();
      else
        interrupt(signal);
      if (any_runs()) await_signal();
    });
  }

  bool any_runs() const {
    return std::any_of(running_.begin(), running_.end(), [](const RankProcess& rank) { return rank.process != 0; });
  }

  void look_at_ranks() {
    for (std::size_t r = 0; r < running_.size(); ++r) {
      int status = 0;
      while (running_[r].process != 0 && waitpid(running_[r].process, &status, WNOHANG | WUNTRACED | WCONTINUED) > 0)
        on_change(r, status);
    }
    if (any_runs()) return;
    signals_.cancel();
    killing_.cancel();
  }

  void on_change(std::size_t rank, int status) {
    if (WIFSTOPPED(status)) return on_stopped(rank);
    stopped_[rank].cancel();
    if (WIFCONTINUED(status)) return;
    running_[rank].process = 0;
    if (WIFSIGNALED(status) && status_ == 0 && !interrupted_)
      say(fmt::format("rank {} was ended by signal {} ({})", rank, WTERMSIG(status), strsignal(WTERMSIG(status))));
    const int ended = WIFSIGNALED(status) ? kCutShort : WEXITSTATUS(status);
    if (ended != 0) on_failure(ended);
  }

  /// A rank that is stopped says nothing and ends by nothing but SIGKILL; that no other may be left to miss it.
  void on_stopped(std::size_t rank) {
    stopped_[rank].expires_after(
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(settings_.stopped_s)));
    stopped_[rank].async_wait([this, rank](const asio::error_code& error) {
      if (error || running_[rank].process == 0) return;
      say(fmt::format("rank {} was stopped for {:g} s and is killed", rank, settings_.stopped_s));
      if (status_ == 0) status_ = kCutShort;
      kill(running_[rank].process, SIGKILL);
    });
  }

  void on_failure(int status) {
    if (status_ == 0) status_ = status;
    if (std::exchange(ending_, true)) return;
    killing_.expires_after(kPatience);
    killing_.async_wait([this](const asio::error_code& error) {
      if (!error) end_all(SIGTERM);
    });
  }

  void interrupt(int signal) {
    if (!interrupted_) interrupted_ = signal;
    ending_ = true;
    end_all(signal);
  }

  /// Rank 0 last: the others would miss it and say so. SIGKILL follows if that is not enough.
  void end_all(int signal) {
    std::for_each(running_.rbegin(), running_.rend(), [signal](const RankProcess& rank) {
      if (rank.process != 0) kill(rank.process, signal);
    });
    if (signal == SIGKILL) return;
    killing_.expires_after(kPatience);
    killing_.async_wait([this](const asio::error_code& error) {
      if (!error) end_all(SIGKILL);
    });
  }

  static void say(const std::string& what) { write_all(STDERR_FILENO, "ppplan: " + what + "\n"); }

  const LocalRanks& settings_;
  std::vector<RankProcess> running_;  // [rank]; process 0: it has ended
  asio::io_context context_;
  asio::signal_set signals_;
  asio::steady_timer killing_{context_};
  std::deque<asio::steady_timer> stopped_;  // [rank]
  std::deque<Relay> relays_;
  std::optional<int> interrupted_;
  int status_ = 0;
  bool ending_ = false;
};

}  // namespace

int run_local_ranks(const LocalRanks& ranks) {
  const groups::Listener listener = groups::listen_on("127.0.0.1", 0);
  std::vector<RankProcess> processes;
  for (int rank = 0; rank < ranks.size; ++rank) processes.push_back(start_rank(ranks, rank, listener));
  close(listener.socket);
  return Launcher(ranks, std::move(processes)).run();
}

}  // namespace ppplan::exec::launch
