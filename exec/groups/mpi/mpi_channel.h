// The messages of one pair of ranks in one group over MPI. Everything is guarded by the world's mutex.
#pragma once

#include <mpi.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ppplan::exec::groups {

enum class MpiState { waiting, active, done, failed };

/// One side of a message.
struct MpiSide {
  bool receives = false;
  std::byte* to = nullptr;          // of a receive
  const std::byte* from = nullptr;  // of a send
  std::size_t bytes = 0;
  MPI_Request request = MPI_REQUEST_NULL;
  MpiState state = MpiState::waiting;
  std::condition_variable changed;
  bool ended() const { return state == MpiState::done || state == MpiState::failed; }
};
using MpiSidePtr = std::shared_ptr<MpiSide>;

class MpiChannel {
 public:
  struct Ends {
    std::string group;
    std::vector<int> ranks;  // of the run, by rank of the group
    int rank = 0;            // this one, in the group
    int peer = 0;
  };
  MpiChannel(MPI_Comm comm, Ends ends) : comm_(comm), ends_(std::move(ends)) {}

  const Ends& ends() const { return ends_; }
  int peer_of_run() const { return ends_.ranks[static_cast<std::size_t>(ends_.peer)]; }
  bool is_lower() const { return ends_.ranks[static_cast<std::size_t>(ends_.rank)] < peer_of_run(); }

  void post(MpiSidePtr side) { (side->receives ? receives_ : sends_).push_back(std::move(side)); }
  bool is_used() const { return !sends_.empty() || !receives_.empty(); }
  std::optional<int> tag() const { return tag_; }
  void set_tag(int tag) { tag_ = tag; }
  /// The peer left after so many messages to this rank.
  void peer_left(std::int64_t messages) { peer_messages_ = messages; }
  std::int64_t sent() const { return sent_; }

  /// Begins and tests what can be; what went wrong, if anything did. `peer_is_gone`: nothing is to come of the peer but
  /// what it has sent.
  std::optional<std::string> progress(bool peer_is_gone);
  /// Ends all sides; those that the library still uses, when it has let go of them or `for_good`.
  void fail(bool for_good);

 private:
  std::optional<std::string> begin_receive();
  void begin_sends();
  void test(std::deque<MpiSidePtr>& sides);
  std::optional<std::string> awaited_in_vain(bool peer_is_gone) const;

  MPI_Comm comm_;
  Ends ends_;
  std::optional<int> tag_;
  std::deque<MpiSidePtr> sends_;
  std::deque<MpiSidePtr> receives_;
  std::int64_t sent_ = 0;
  std::int64_t received_ = 0;
  std::optional<std::int64_t> peer_messages_;
};

}  // namespace ppplan::exec::groups
