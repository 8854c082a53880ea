// Collectives written over isend and irecv, the same for every transport whose library has none that reduces in the
// order of ranks. Each pair of ranks exchanges its parts directly: every byte crosses one connection once, and with the
// few ranks of a tensor-parallel group or a pipeline the messages of all pairs progress together.
//
// Costs for n ranks and m bytes: all_reduce sends 2 m (n - 1) / n from every rank in two rounds, all_gather and
// reduce_scatter m (n - 1) of one part in one, barrier ceil(log2 n) rounds of empty messages.
//
// All throw GroupError, for sizes that don't fit each other before anything is sent.
#pragma once

#include "exec/group.h"

namespace ppplan::exec::groups {

/// Rank r reduces elements [count r / n, count (r + 1) / n) and sends them to all: one order of additions, so the same
/// bits everywhere.
void all_reduce(Group& group, std::span<std::byte> data, DataType type, Reduction reduction);
void all_gather(Group& group, std::span<const std::byte> mine, std::span<std::byte> all);
void reduce_scatter(Group& group, std::span<const std::byte> all, std::span<std::byte> mine, DataType type,
                    Reduction reduction);
void gather(Group& group, std::span<const std::byte> mine, std::span<std::byte> all, int root);
void broadcast(Group& group, std::span<std::byte> data, int root);
/// Dissemination: in round k rank r hears from rank r - 2^k and tells r + 2^k (Hensgen, Finkel, Manber 1988).
void barrier(Group& group);

/// A group whose collectives are these.
class MessageGroup : public Group {
 public:
  void all_reduce(std::span<std::byte> data, DataType type, Reduction reduction) final;
  void all_gather(std::span<const std::byte> mine, std::span<std::byte> all) final;
  void reduce_scatter(std::span<const std::byte> all, std::span<std::byte> mine, DataType type,
                      Reduction reduction) final;
  void gather(std::span<const std::byte> mine, std::span<std::byte> all, int root) final;
  void broadcast(std::span<std::byte> data, int root) final;
  void barrier() final;
};

}  // namespace ppplan::exec::groups
