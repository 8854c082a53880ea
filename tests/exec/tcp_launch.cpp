#include "tests/exec/tcp_launch.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <thread>

namespace ppplan::tests {
namespace {

using exec::groups::Listener;
using exec::groups::TcpSettings;

TcpSettings settings_of(const Listener& listener, int rank, int size, double deadline_s, const Change& change) {
  TcpSettings out;
  out.rank = rank;
  out.size = size;
  out.port = listener.port;
  if (rank == 0) out.listener = listener.socket;
  out.version = "1";
  out.deadline_s = deadline_s;
  out.silence_s = 30;  // on a busy machine nobody is taken for dead who only waits for a core
  if (change) change(out);
  return out;
}

std::string run_rank(const TcpSettings& settings, const Program& program) {
  return outcome_of([&] { program(*exec::groups::join_tcp_world(settings)); });
}

struct Child {
  pid_t process = 0;
  int outcome = 0;  // the pipe it writes its outcome to
};

Child fork_rank(const Listener& listener, const TcpSettings& settings, const Program& program) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) throw std::runtime_error("no pipe");
  const pid_t process = fork();
  if (process < 0) throw std::runtime_error("no process");
  if (process == 0) {
    if (!settings.listener) close(listener.socket);
    const std::string outcome = run_rank(settings, program);
    const bool written = write(ends[1], outcome.data(), outcome.size()) == static_cast<ssize_t>(outcome.size());
    _exit(written ? EXIT_SUCCESS : EXIT_FAILURE);
  }
  close(ends[1]);
  return {process, ends[0]};
}

bool is_stopped(pid_t process) {
  siginfo_t info{};
  return waitid(P_PID, static_cast<id_t>(process), &info, WSTOPPED | WNOHANG | WNOWAIT) == 0 && info.si_pid == process;
}

std::string outcome_of_child(const Child& child) {
  std::string out;
  std::array<char, 4096> buffer{};
  for (ssize_t n = 0; (n = read(child.outcome, buffer.data(), buffer.size())) > 0;)
    out.append(buffer.data(), static_cast<std::size_t>(n));
  close(child.outcome);
  int status = 0;
  waitpid(child.process, &status, 0);
  if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
  return WEXITSTATUS(status) == EXIT_SUCCESS ? out : "fault: exit status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

Launch tcp_thread_launch(const Change& change) {
  return {"TcpThreads", [change](int size, double deadline_s, const Program& program) {
            const Listener listener = exec::groups::listen_on("127.0.0.1", 0);
            Outcomes out(static_cast<std::size_t>(size));
            std::vector<std::thread> threads;
            for (int rank = 0; rank < size; ++rank)
              threads.emplace_back([&, rank] {
                out[static_cast<std::size_t>(rank)] =
                    run_rank(settings_of(listener, rank, size, deadline_s, change), program);
              });
            for (auto& thread : threads) thread.join();
            return out;
          }};
}

Launch tcp_process_launch(const Change& change) {
  return {"TcpProcesses", [change](int size, double deadline_s, const Program& program) {
            const Listener listener = exec::groups::listen_on("127.0.0.1", 0);
            std::vector<Child> children;
            for (int rank = 0; rank < size; ++rank)
              children.push_back(fork_rank(listener, settings_of(listener, rank, size, deadline_s, change), program));
            close(listener.socket);
            Outcomes out(children.size());
            std::vector<std::size_t> stopped;
            for (std::size_t r = 0; r < children.size(); ++r) {
              siginfo_t info{};
              waitid(P_PID, static_cast<id_t>(children[r].process), &info, WEXITED | WSTOPPED | WNOWAIT);
              if (is_stopped(children[r].process))
                stopped.push_back(r);
              else
                out[r] = outcome_of_child(children[r]);
            }
            for (std::size_t r : stopped) {
              kill(children[r].process, SIGKILL);
              out[r] = outcome_of_child(children[r]);
            }
            return out;
          }};
}

}  // namespace ppplan::tests
