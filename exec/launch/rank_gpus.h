// The GPUs of a job's ranks: told to all of them before anything runs, so that each can check them against the plan and
// sees which ranks share one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "exec/group.h"

namespace ppplan::exec::launch {

struct RankGpu {
  std::string host;
  int gpu = 0;         // as the process counts
  std::string name;    // as the driver calls it
  std::string bus_id;  // on its host
  std::int64_t memory_bytes = 0;
  std::string nccl;  // version of the library
  bool operator==(const RankGpu&) const = default;
};

/// The name of this host.
std::string host_name();

/// [rank of the group]. All ranks call it. Throws GroupError.
std::vector<RankGpu> gathered_gpus(Group& group, const RankGpu& own);

/// Whether two ranks have one GPU. NCCL then takes them for ranks of different hosts (nccl_environment), and their
/// messages and kernels wait for each other's time slices: such a run shows that outputs are right, and no times.
bool share_gpus(const std::vector<RankGpu>& gpus);

/// Throws GroupError, the same on every rank, where the ranks' libraries are of different versions.
void check_versions(const std::vector<RankGpu>& gpus);

/// Sets what NCCL reads from the environment, before its first communicator: messages start in the order in which they
/// are called for. Where ranks share GPUs, each gets a host of its own by name, and sockets carry all messages; what
/// the environment sets already stays. No other thread may read the environment meanwhile.
void set_nccl_environment(int rank, const std::vector<RankGpu>& gpus);

}  // namespace ppplan::exec::launch
