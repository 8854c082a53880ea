// How the ranks of one set talk, after vLLM's GroupCoordinator (vllm/distributed/parallel_state.py).
//
// Ranks are numbered within the group, 0 .. size() - 1. A collective is called by every rank with the same sizes, and
// all ranks call their collectives in the same order. Messages between two ranks arrive in the order in which they were
// sent; a receive must ask for exactly the bytes of the message that comes next. A send may wait for its receive
// (rendezvous), so no program may rely on buffering. Reductions add in the order of ranks, so that every rank gets the
// same bits on every run. In a group of one, all of it is a local copy.
//
// One thread drives a group, or one the sends and another the receives. Every call returns within the group's deadline
// or throws GroupError.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace ppplan::exec {

/// A peer that ended, hung past the deadline, or sent something else than what was awaited; names group, rank and peer.
class GroupError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class DataType { fp32, int32, int64, bytes };
enum class Reduction { sum, max, min };  // of numbers; bytes can't be reduced

/// An array of its own memory; row-major.
struct Tensor {
  DataType type = DataType::fp32;
  std::vector<std::int64_t> shape;
  std::vector<std::byte> data;  // product of shape x size of type
  bool operator==(const Tensor&) const = default;
};
using TensorMap = std::map<std::string, Tensor>;

/// Something begun. Destroying it waits.
class Pending {
 public:
  virtual ~Pending() = default;
  /// Until the buffer may be used again (send) or holds the message (receive). Throws GroupError.
  virtual void wait() = 0;
};

class Group {
 public:
  virtual ~Group() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual const std::string& name() const = 0;  // "PP 0", for messages

  /// The buffer stays untouched until the returned object's wait() has ended. Throws GroupError for a peer that is not
  /// in the group or is this rank itself.
  virtual std::unique_ptr<Pending> isend(std::span<const std::byte> data, int to) = 0;
  virtual std::unique_ptr<Pending> irecv(std::span<std::byte> data, int from) = 0;

  virtual void all_reduce(std::span<std::byte> data, DataType type, Reduction reduction) = 0;
  /// all holds size() parts like `mine`, in the order of ranks.
  virtual void all_gather(std::span<const std::byte> mine, std::span<std::byte> all) = 0;
  /// `all` holds size() parts like `mine`; rank r gets the reduced part r.
  virtual void reduce_scatter(std::span<const std::byte> all, std::span<std::byte> mine, DataType type,
                              Reduction reduction) = 0;
  /// On `root` all holds size() parts; elsewhere it is empty.
  virtual void gather(std::span<const std::byte> mine, std::span<std::byte> all, int root) = 0;
  virtual void broadcast(std::span<std::byte> data, int root) = 0;
  virtual void barrier() = 0;
};

void send(Group& group, std::span<const std::byte> data, int to);
void recv(Group& group, std::span<std::byte> data, int from);
/// A map of tensors with its metadata: names, types and shapes go first, then the data.
void send_tensors(Group& group, const TensorMap& tensors, int to);
TensorMap recv_tensors(Group& group, int from);
/// The data is under way when it returns; `tensors` outlives the waits.
std::vector<std::unique_ptr<Pending>> isend_tensors(Group& group, const TensorMap& tensors, int to);
/// Neighbours in a pipeline, cyclic.
int next_rank(const Group& group);
int previous_rank(const Group& group);

}  // namespace ppplan::exec
