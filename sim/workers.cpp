#include "sim/workers.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#include <sys/prctl.h>
#endif

#include <algorithm>
#include <array>
#include <cerrno>
#include <list>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

namespace ppplan::sim {
namespace {

/// The first byte that a worker writes; the bytes or the message follow to the end of the pipe.
enum class Outcome : char { done = 'd', threw = 't' };

[[noreturn]] void fail(const char* call) { throw std::system_error(errno, std::generic_category(), call); }

/// A worker whose caller is killed does not go on computing for nobody.
void end_with(pid_t caller) {
#ifdef __linux__
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != caller) _exit(1);
#else
  static_cast<void>(caller);
#endif
}

/// What the caller has in its output buffer is the caller's to write, but SimGrid flushes it in the worker too.
void silence_output() {
  const int nowhere = open("/dev/null", O_WRONLY);
  if (nowhere < 0 || dup2(nowhere, STDOUT_FILENO) < 0) _exit(1);
  if (nowhere != STDOUT_FILENO) close(nowhere);
}

void write_all(int pipe, const char* at, std::size_t size) {
  while (size > 0) {
    const ssize_t written = write(pipe, at, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) _exit(1);  // nobody reads any more
    at += written;
    size -= static_cast<std::size_t>(written);
  }
}

void report(int pipe, Outcome outcome, const std::string& bytes) {
  const char first = static_cast<char>(outcome);
  write_all(pipe, &first, 1);
  write_all(pipe, bytes.data(), bytes.size());
}

/// Leaves by _exit: what the caller registered to run at exit, or has in its output buffers, is not the worker's to
/// run.
[[noreturn]] void work(int pipe, const std::function<std::string()>& job) {
  try {
    report(pipe, Outcome::done, job());
  } catch (const std::exception& error) {
    report(pipe, Outcome::threw, error.what());
  } catch (...) {
    report(pipe, Outcome::threw, "an exception of unknown type");
  }
  _exit(0);
}

std::string ending(int status) {
  if (WIFSIGNALED(status)) return "its process was ended by signal " + std::to_string(WTERMSIG(status));
  return "its process ended with status " + std::to_string(WEXITSTATUS(status));
}

/// A process and the read end of its pipe; killed and reaped when it goes out of scope.
class Worker {
 public:
  Worker(std::size_t number, const std::list<Worker>& others, const std::function<std::string(std::size_t)>& job)
      : number_(number) {
    std::array<int, 2> ends;
    if (pipe(ends.data()) != 0) fail("pipe");
    const pid_t caller = getpid();
    pid_ = fork();
    if (pid_ == 0) {
      end_with(caller);
      silence_output();
      close(ends[0]);
      for (const Worker& other : others) close(other.pipe_);
      work(ends[1], [&] { return job(number); });
    }
    close(ends[1]);
    pipe_ = ends[0];
    if (pid_ < 0) {
      close(pipe_);
      fail("fork");
    }
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker() {
    close(pipe_);
    if (pid_ < 0) return;
    kill(pid_, SIGKILL);
    reap();
  }

  std::size_t number() const { return number_; }
  int pipe_end() const { return pipe_; }

  /// Reads what is there; false once the worker has closed its end.
  bool read_some() {
    std::array<char, 1 << 16> block;
    const ssize_t size = read(pipe_, block.data(), block.size());
    if (size < 0 && errno != EINTR) fail("read");
    if (size > 0) bytes_.append(block.data(), static_cast<std::size_t>(size));
    return size != 0;
  }

  /// What the job returned, once its end is closed.
  std::string result(const std::string& name) {
    const int status = reap();
    if (status != 0 || bytes_.empty()) throw std::runtime_error(name + ": " + ending(status));
    const auto outcome = static_cast<Outcome>(bytes_.front());
    bytes_.erase(0, 1);
    if (outcome == Outcome::threw) throw std::runtime_error(name + ": " + bytes_);
    return std::move(bytes_);
  }

 private:
  int reap() {
    int status = 0;
    const pid_t pid = std::exchange(pid_, -1);
    while (waitpid(pid, &status, 0) < 0)
      if (errno != EINTR) return 0;  // taken by a SIGCHLD handler of the program
    return status;
  }

  std::size_t number_;
  pid_t pid_ = -1;
  int pipe_ = -1;
  std::string bytes_;
};

/// Waits for bytes of any worker and reads them; takes the results of those that have finished.
void collect(std::list<Worker>& running, const std::vector<std::string>& names, std::vector<std::string>& results) {
  std::vector<pollfd> ends;
  for (const Worker& worker : running) ends.push_back({worker.pipe_end(), POLLIN, 0});
  while (poll(ends.data(), ends.size(), -1) < 0)
    if (errno != EINTR) fail("poll");
  auto worker = running.begin();
  for (const pollfd& end : ends) {
    const auto at = worker++;
    if (end.revents == 0 || at->read_some()) continue;
    results[at->number()] = at->result(names[at->number()]);
    running.erase(at);
  }
}

}  // namespace

std::size_t processor_count() {
#ifdef __linux__
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0)
    return static_cast<std::size_t>(std::max(1, CPU_COUNT(&allowed)));
#endif
  return std::max(1U, std::thread::hardware_concurrency());
}

std::vector<std::string> run_in_workers(const std::vector<std::string>& names, std::size_t at_a_time,
                                        const std::function<std::string(std::size_t)>& job) {
  std::vector<std::string> results(names.size());
  std::list<Worker> running;
  std::size_t next = 0;
  while (next < names.size() || !running.empty()) {
    while (next < names.size() && running.size() < std::max<std::size_t>(at_a_time, 1))
      running.emplace_back(next++, running, job);
    collect(running, names, results);
  }
  return results;
}

}  // namespace ppplan::sim
