#include "tests/tools/job.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <thread>

#include "tests/tools/command.h"

namespace ppplan::tests {
namespace {

using Clock = std::chrono::steady_clock;

std::string content(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

void redirect(const std::string& path, int to) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  dup2(file, to);
}

/// Third field of /proc/PID/stat, after the name in parentheses.
char state_of(pid_t process) {
  const std::string stat = content("/proc/" + std::to_string(process) + "/stat");
  const std::size_t end = stat.rfind(')');
  return end == std::string::npos || end + 2 >= stat.size() ? 'X' : stat[end + 2];
}

std::optional<std::string> variable_of(pid_t process, const std::string& name) {
  std::istringstream in(content("/proc/" + std::to_string(process) + "/environ"));
  for (std::string line; std::getline(in, line, '\0');)
    if (line.starts_with(name + "=")) return line.substr(name.size() + 1);
  return std::nullopt;
}

/// A copy of a process's file, -1 where that may not be.
int copy_of_file(int pidfd, int file) { return static_cast<int>(syscall(SYS_pidfd_getfd, pidfd, file, 0)); }

bool is_connection(int file) {
  sockaddr_storage peer{};
  socklen_t length = sizeof(peer);
  return getpeername(file, reinterpret_cast<sockaddr*>(&peer), &length) == 0 && peer.ss_family == AF_INET;
}

/// Copies of the TCP connections of a process.
std::vector<int> connections_of(pid_t process) {
  std::vector<int> out;
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, process, 0));
  std::error_code gone;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/fd", gone)) {
    const int copy = copy_of_file(pidfd, std::stoi(entry.path().filename().string()));
    if (copy < 0) continue;
    if (is_connection(copy))
      out.push_back(copy);
    else
      close(copy);
  }
  close(pidfd);
  return out;
}

bool drop_socket(pid_t process, unsigned seed) {
  const std::vector<int> connections = connections_of(process);
  for (std::size_t i = 0; i < connections.size(); ++i) {
    if (i == seed % connections.size()) shutdown(connections[i], SHUT_RDWR);
    close(connections[i]);
  }
  return !connections.empty();
}

void pause() { std::this_thread::sleep_for(std::chrono::milliseconds(2)); }

}  // namespace

Job::Job(const std::vector<std::string>& arguments, const std::map<std::string, std::string>& environment,
         std::vector<std::string> line) {
  static int made = 0;
  folder_ = scratch("job" + std::to_string(made++));
  std::filesystem::create_directories(folder_);
  process_ = fork();
  if (process_ != 0) return;
  redirect(folder_ + "/out", STDOUT_FILENO);
  redirect(folder_ + "/err", STDERR_FILENO);
  for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
  line.emplace_back(PPPLAN_PROGRAM);
  line.insert(line.end(), arguments.begin(), arguments.end());
  std::vector<char*> words;
  for (std::string& word : line) words.push_back(word.data());
  words.push_back(nullptr);
  execvp(words.front(), words.data());
  _exit(127);
}

Job::~Job() {
  if (process_ == 0) return;
  kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
}

std::vector<pid_t> Job::ranks(int count) const {
  for (;;) {
    const std::string id = std::to_string(process_);
    std::istringstream children(content("/proc/" + id + "/task/" + id + "/children"));
    std::map<int, pid_t> by_rank;
    for (pid_t child = 0; children >> child;)
      if (const auto rank = variable_of(child, "RANK")) by_rank[std::stoi(*rank)] = child;
    if (static_cast<int>(by_rank.size()) == count || !is_alive(process_)) {
      std::vector<pid_t> out;
      for (const auto& [rank, process] : by_rank) out.push_back(process);
      return out;
    }
    pause();
  }
}

std::optional<int> Job::ended(double seconds) {
  const auto until = Clock::now() + std::chrono::duration<double>(seconds);
  for (;;) {
    int status = 0;
    if (waitpid(process_, &status, WNOHANG) == process_) {
      process_ = 0;
      return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }
    if (Clock::now() > until) return std::nullopt;
    pause();
  }
}

std::string Job::out() const { return content(folder_ + "/out"); }
std::string Job::err() const { return content(folder_ + "/err"); }

bool is_alive(pid_t process) {
  const char state = state_of(process);
  return state != 'X' && state != 'Z';
}

bool do_fault(Fault fault, pid_t process, unsigned seed) {
  if (!is_alive(process)) return false;
  switch (fault) {
    case Fault::kill:
      return kill(process, SIGKILL) == 0;
    case Fault::stop:
      return kill(process, SIGSTOP) == 0;
    default:
      return drop_socket(process, seed);
  }
}

bool may_drop_sockets() {
  const pid_t child = fork();
  if (child == 0) {
    ::pause();
    _exit(0);
  }
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
  const int copy = copy_of_file(pidfd, STDERR_FILENO);
  close(copy);
  close(pidfd);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  return copy >= 0;
}

}  // namespace ppplan::tests
