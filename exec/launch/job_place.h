// Where a process stands in a job that a launcher started: read from the launcher's environment alone, no library of it
// is needed.
//
// The first complete set of variables wins:
//   torchrun    RANK WORLD_SIZE LOCAL_RANK LOCAL_WORLD_SIZE MASTER_ADDR MASTER_PORT (and ppplan's own launcher)
//   Slurm       SLURM_PROCID SLURM_NTASKS SLURM_LOCALID SLURM_NODEID, rank 0 on the first host of the node list
//   Open MPI    OMPI_COMM_WORLD_RANK, _SIZE, _LOCAL_RANK, _LOCAL_SIZE
//   MPICH       PMI_RANK PMI_SIZE MPI_LOCALRANKID MPI_LOCALNRANKS (and Intel MPI)
// PPPLAN_PORT names the port of rank 0 in all of them. torchrun's agent often listens on MASTER_PORT itself
// (TORCHELASTIC_USE_AGENT_STORE=True): the port after it is taken then. Slurm and Open MPI give a number of the job,
// which the port is made of; MASTER_ADDR says where rank 0 is when mpirun spreads ranks over hosts.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace ppplan::exec::launch {

struct JobPlace {
  std::string launcher;  // "torchrun", "Slurm", "Open MPI", "MPICH" or "ppplan"
  int rank = 0;
  int size = 1;
  int local_rank = 0;  // on its host
  int local_size = 1;
  std::string address;  // of rank 0
  std::uint16_t port = 0;
  std::optional<int> listener = {};  // of rank 0 under ppplan's launcher: the socket that listens there already
  bool operator==(const JobPlace&) const = default;
};

/// The value of a variable, nothing where it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
std::optional<std::string> process_environment(const std::string& name);

/// Nothing when no launcher started the process. Throws InputError that names the variable for a value that is no
/// number, a rank outside of the size, or an address that can't be known.
std::optional<JobPlace> job_place(const Environment& environment);

/// The first host of Slurm's notation: "gpu[03-07,9],login" -> "gpu03". Empty of an empty list.
std::string first_host(const std::string& node_list);
/// Tasks on a node of Slurm's notation: "4(x2),1" -> 4, 4, 1. Nothing where the list ends before the node.
std::optional<int> tasks_on(const std::string& tasks_per_node, int node);

/// The variable in which ppplan's launcher gives rank 0 the socket that listens.
inline constexpr const char* listener_variable = "PPPLAN_LISTENER";

}  // namespace ppplan::exec::launch
