#include "exec/groups/collectives.h"

#include <algorithm>

#include "exec/groups/reduce.h"

namespace ppplan::exec::groups {
namespace {

using Bytes = std::span<std::byte>;
using ConstBytes = std::span<const std::byte>;
using Pendings = std::vector<std::unique_ptr<Pending>>;

std::size_t index(int rank) { return static_cast<std::size_t>(rank); }

void copy(ConstBytes from, Bytes to) { std::copy(from.begin(), from.end(), to.begin()); }

void wait_all(Pendings& pendings) {
  for (auto& pending : pendings) pending->wait();
}

[[noreturn]] void refuse(const Group& group, const std::string& what) {
  throw GroupError(group.name() + ": rank " + std::to_string(group.rank()) + ": " + what);
}

void check_parts(const Group& group, const char* call, std::size_t all, std::size_t mine) {
  if (all != mine * index(group.size()))
    refuse(group, std::string(call) + " of parts of " + std::to_string(mine) + " bytes from " +
                      std::to_string(group.size()) + " ranks can't take " + std::to_string(all) + " bytes");
}

void check_root(const Group& group, int root) {
  if (root < 0 || root >= group.size()) refuse(group, "there is no rank " + std::to_string(root) + " to be the root");
}

/// Every rank sends outgoing(q) to each other rank q and receives incoming(q) from it. Each starts with its successor,
/// so that not all begin with the same receiver.
template <typename Outgoing, typename Incoming>
void exchange(Group& group, Outgoing outgoing, Incoming incoming) {
  Pendings pendings;
  const int n = group.size();
  for (int k = 1; k < n; ++k) {
    const int from = (group.rank() + n - k) % n;
    const int to = (group.rank() + k) % n;
    pendings.push_back(group.irecv(incoming(from), from));
    pendings.push_back(group.isend(outgoing(to), to));
  }
  wait_all(pendings);
}

/// Sends part q of the data to each rank q and returns the sum over ranks of this rank's part, added in their order.
template <typename Part>
std::vector<std::byte> reduced_part(Group& group, Part part, DataType type, Reduction reduction) {
  const ConstBytes own = part(group.rank());
  std::vector<std::byte> received(own.size() * index(group.size()));
  const auto from = [&](int q) { return Bytes(received).subspan(index(q) * own.size(), own.size()); };
  exchange(group, part, from);
  copy(own, from(group.rank()));
  for (int q = 1; q < group.size(); ++q) reduce(from(0), from(q), type, reduction);
  received.resize(own.size());
  return received;
}

}  // namespace

void all_reduce(Group& group, Bytes data, DataType type, Reduction reduction) {
  check_reducible(data.size(), type);
  const std::size_t element = element_bytes(type);
  const std::size_t count = data.size() / element;
  const auto begin = [&](int q) { return count * index(q) / index(group.size()) * element; };
  const auto part = [&](int q) { return data.subspan(begin(q), begin(q + 1) - begin(q)); };
  copy(reduced_part(group, part, type, reduction), part(group.rank()));
  exchange(
      group, [&](int) { return part(group.rank()); }, part);
}

void all_gather(Group& group, ConstBytes mine, Bytes all) {
  check_parts(group, "all_gather", all.size(), mine.size());
  const auto part = [&](int q) { return all.subspan(index(q) * mine.size(), mine.size()); };
  copy(mine, part(group.rank()));
  exchange(
      group, [&](int) { return mine; }, part);
}

void reduce_scatter(Group& group, ConstBytes all, Bytes mine, DataType type, Reduction reduction) {
  check_reducible(mine.size(), type);
  check_parts(group, "reduce_scatter", all.size(), mine.size());
  const auto part = [&](int q) { return all.subspan(index(q) * mine.size(), mine.size()); };
  copy(reduced_part(group, part, type, reduction), mine);
}

void gather(Group& group, ConstBytes mine, Bytes all, int root) {
  check_root(group, root);
  if (group.rank() != root) {
    if (!all.empty()) refuse(group, "gather expects room for the parts on the root alone");
    return send(group, mine, root);
  }
  check_parts(group, "gather", all.size(), mine.size());
  Pendings pendings;
  for (int q = 0; q < group.size(); ++q) {
    const Bytes part = all.subspan(index(q) * mine.size(), mine.size());
    if (q == root)
      copy(mine, part);
    else
      pendings.push_back(group.irecv(part, q));
  }
  wait_all(pendings);
}

void broadcast(Group& group, Bytes data, int root) {
  check_root(group, root);
  if (group.rank() != root) return recv(group, data, root);
  Pendings pendings;
  for (int k = 1; k < group.size(); ++k) pendings.push_back(group.isend(data, (root + k) % group.size()));
  wait_all(pendings);
}

void barrier(Group& group) {
  const int n = group.size();
  for (int step = 1; step < n; step *= 2) {
    Pendings pendings;
    pendings.push_back(group.irecv({}, (group.rank() + n - step) % n));
    pendings.push_back(group.isend({}, (group.rank() + step) % n));
    wait_all(pendings);
  }
}

void MessageGroup::all_reduce(Bytes data, DataType type, Reduction reduction) {
  groups::all_reduce(*this, data, type, reduction);
}
void MessageGroup::all_gather(ConstBytes mine, Bytes all) { groups::all_gather(*this, mine, all); }
void MessageGroup::reduce_scatter(ConstBytes all, Bytes mine, DataType type, Reduction reduction) {
  groups::reduce_scatter(*this, all, mine, type, reduction);
}
void MessageGroup::gather(ConstBytes mine, Bytes all, int root) { groups::gather(*this, mine, all, root); }
void MessageGroup::broadcast(Bytes data, int root) { groups::broadcast(*this, data, root); }
void MessageGroup::barrier() { groups::barrier(*this); }

}  // namespace ppplan::exec::groups
