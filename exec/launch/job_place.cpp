#include "exec/launch/job_place.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <functional>

#include "planner/input/input_error.h"

namespace ppplan::exec::launch {

namespace {

constexpr std::int64_t kMaxPort = 65535;
// Ports made from a job's number: below the range that Linux gives to outgoing connections (32768 on).
constexpr std::int64_t kFirstPort = 20000, kPorts = 12000;

/// Reads variables; remembers nothing.
class Variables {
 public:
  explicit Variables(const Environment& environment) : environment_(environment) {}

  bool has_all(std::initializer_list<const char*> names) const {
    for (const char* name : names)
      if (!text(name)) return false;
    return true;
  }
  std::optional<std::string> text(const std::string& name) const {
    auto value = environment_(name);
    if (value && value->empty()) value.reset();
    return value;
  }
  std::optional<std::int64_t> number(const std::string& name, std::int64_t most) const {
    const auto value = text(name);
    if (!value) return std::nullopt;
    std::int64_t out = 0;
    const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), out);
    if (error != std::errc() || end != value->data() + value->size() || out < 0 || out > most)
      throw input::InputError(name, "", fmt::format("a whole number from 0 to {}", most), "'" + *value + "'");
    return out;
  }
  int count(const std::string& name) const { return static_cast<int>(number(name, 1 << 24).value_or(0)); }

 private:
  const Environment& environment_;
};

std::uint16_t port_of_job(std::uint64_t job) {
  return static_cast<std::uint16_t>(kFirstPort + static_cast<std::int64_t>(job % kPorts));
}

std::uint16_t port_of(const Variables& variables, std::uint16_t otherwise) {
  const auto own = variables.number("PPPLAN_PORT", kMaxPort);
  return own ? static_cast<std::uint16_t>(*own) : otherwise;
}

JobPlace torchrun(const Variables& v) {
  JobPlace out{"torchrun",
               v.count("RANK"),
               v.count("WORLD_SIZE"),
               v.count("LOCAL_RANK"),
               v.count("LOCAL_WORLD_SIZE"),
               *v.text("MASTER_ADDR")};
  const auto master = *v.number("MASTER_PORT", kMaxPort - 1);
  const bool agent_listens = v.text("TORCHELASTIC_USE_AGENT_STORE") == "True";
  out.port = port_of(v, static_cast<std::uint16_t>(master + (agent_listens ? 1 : 0)));
  if (const auto listener = v.number(listener_variable, 1 << 20)) {
    out.launcher = "ppplan";
    if (out.rank == 0) out.listener = static_cast<int>(*listener);
  }
  return out;
}

JobPlace slurm(const Variables& v) {
  JobPlace out{"Slurm", v.count("SLURM_PROCID"), v.count("SLURM_NTASKS"), v.count("SLURM_LOCALID"), 0, ""};
  const auto tasks =
      v.text("SLURM_STEP_TASKS_PER_NODE") ? v.text("SLURM_STEP_TASKS_PER_NODE") : v.text("SLURM_TASKS_PER_NODE");
  out.local_size = tasks_on(tasks.value_or(""), v.count("SLURM_NODEID")).value_or(out.local_rank + 1);
  const auto nodes = v.text("SLURM_STEP_NODELIST") ? v.text("SLURM_STEP_NODELIST") : v.text("SLURM_JOB_NODELIST");
  out.address = v.text("MASTER_ADDR").value_or(first_host(nodes.value_or("")));
  if (out.address.empty()) out.address = v.text("SLURM_LAUNCH_NODE_IPADDR").value_or("");
  const auto job = static_cast<std::uint64_t>(v.number("SLURM_JOB_ID", std::int64_t{1} << 40).value_or(0));
  const auto step = static_cast<std::uint64_t>(v.number("SLURM_STEP_ID", std::int64_t{1} << 40).value_or(0));
  out.port = port_of(v, port_of_job(job * 16 + step));
  return out;
}

/// Of mpirun, which says nothing of addresses: all ranks on one host find each other there.
JobPlace mpirun(const Variables& v, JobPlace out) {
  out.address = v.text("MASTER_ADDR").value_or(out.local_size == out.size ? "127.0.0.1" : "");
  const std::string job = v.text("PMIX_NAMESPACE").value_or("");
  const auto master = v.number("MASTER_PORT", kMaxPort);
  out.port = port_of(v, master ? static_cast<std::uint16_t>(*master) : port_of_job(std::hash<std::string>()(job)));
  return out;
}

std::optional<JobPlace> found_place(const Variables& v) {
  if (v.has_all({"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}))
    return torchrun(v);
  if (v.has_all({"SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID", "SLURM_NODEID"})) return slurm(v);
  if (v.has_all(
          {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"}))
    return mpirun(v, {"Open MPI", v.count("OMPI_COMM_WORLD_RANK"), v.count("OMPI_COMM_WORLD_SIZE"),
                      v.count("OMPI_COMM_WORLD_LOCAL_RANK"), v.count("OMPI_COMM_WORLD_LOCAL_SIZE"), ""});
  if (v.has_all({"PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"}))
    return mpirun(v, {"MPICH", v.count("PMI_RANK"), v.count("PMI_SIZE"), v.count("MPI_LOCALRANKID"),
                      v.count("MPI_LOCALNRANKS"), ""});
  return std::nullopt;
}

}  // namespace

std::optional<std::string> process_environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

std::optional<JobPlace> job_place(const Environment& environment) {
  auto place = found_place(Variables(environment));
  if (!place) return place;
  if (place->rank >= place->size)
    throw input::InputError(fmt::format("{}: expected a rank below the {} of the job, found {}", place->launcher,
                                        place->size, place->rank));
  if (place->address.empty())
    throw input::InputError(
        fmt::format("{}: expected MASTER_ADDR, the host of rank 0, where ranks run on several hosts", place->launcher));
  return place;
}

std::string first_host(const std::string& node_list) {
  const std::size_t bracket = node_list.find('[');
  const std::size_t comma = node_list.find(',');
  if (bracket == std::string::npos || comma < bracket) return node_list.substr(0, comma);
  const std::size_t end = node_list.find_first_of("-,]", bracket);
  const std::size_t close = node_list.find(']', bracket);
  if (close == std::string::npos) return "";
  const std::size_t after = node_list.find_first_of(",[", close + 1);
  return node_list.substr(0, bracket) + node_list.substr(bracket + 1, end - bracket - 1) +
         node_list.substr(close + 1, after == std::string::npos ? after : after - close - 1);
}

std::optional<int> tasks_on(const std::string& tasks_per_node, int node) {
  const char* at = tasks_per_node.data();
  const char* const end = at + tasks_per_node.size();
  while (at < end) {
    int tasks = 0, times = 1;
    const auto [next, error] = std::from_chars(at, end, tasks);
    if (error != std::errc()) return std::nullopt;
    at = next;
    if (end - at > 2 && at[0] == '(' && at[1] == 'x') at = std::from_chars(at + 2, end, times).ptr + 1;
    if ((node -= times) < 0) return tasks;
    if (at < end) ++at;  // the comma
  }
  return std::nullopt;
}

}  // namespace ppplan::exec::launch
