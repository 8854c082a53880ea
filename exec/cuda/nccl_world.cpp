#include "exec/cuda/nccl_world.h"

#include <map>

#include "exec/cuda/nccl_edge.h"
#include "exec/groups/collectives.h"

namespace ppplan::exec::cuda {

namespace {

class NcclPending : public Pending {
 public:
  NcclPending(NcclEdge& edge, std::shared_ptr<NcclSide> side) : edge_(edge), side_(std::move(side)) {}
  ~NcclPending() override { edge_.wait(*side_); }
  void wait() override {
    edge_.wait(*side_);
    if (side_->failure) throw GroupError(*side_->failure);
  }

 private:
  NcclEdge& edge_;
  std::shared_ptr<NcclSide> side_;
};

class NcclGroup : public groups::MessageGroup {
 public:
  NcclGroup(NcclPlane& plane, const std::string& name, const std::vector<int>& ranks) {
    control_.sizes = plane.control.group(name, ranks);
    control_.awaited = plane.control.group(name, ranks);
    control_.ranks = ranks;
    for (int lower = 0; lower < size(); ++lower)
      for (int upper = lower + 1; upper < size(); ++upper) meet(plane, lower, upper);
  }
  int rank() const override { return control_.sizes->rank(); }
  int size() const override { return static_cast<int>(control_.ranks.size()); }
  const std::string& name() const override { return control_.sizes->name(); }
  std::unique_ptr<Pending> isend(std::span<const std::byte> data, int to) override {
    groups::check_peer(*this, to);
    return post(*sends_.at(to), {nullptr, data.data(), data.size(), false, {}});
  }
  std::unique_ptr<Pending> irecv(std::span<std::byte> data, int from) override {
    groups::check_peer(*this, from);
    return post(*receives_.at(from), {data.data(), nullptr, data.size(), false, {}});
  }

 private:
  static std::unique_ptr<Pending> post(NcclEdge& edge, NcclSide side) {
    return std::make_unique<NcclPending>(edge, edge.post(std::move(side)));
  }

  // All ranks go through the pairs in one order, so that no two wait for each other crosswise.
  void meet(NcclPlane& plane, int lower, int upper) {
    if (rank() != lower && rank() != upper) return;
    const int peer = rank() == lower ? upper : lower;
    NcclId ids[2];  // of the lower rank's messages, and of the upper's
    if (rank() == lower)
      for (NcclId& id : ids) PPPLAN_CHECK_NCCL(plane.calls, ncclGetUniqueId(&id));
    if (rank() == lower)
      send(*control_.sizes, std::as_bytes(std::span(ids)), peer);
    else
      recv(*control_.sizes, std::as_writable_bytes(std::span(ids)), peer);
    for (const int sender : {lower, upper}) {
      auto& edges = rank() == sender ? sends_ : receives_;
      edges[peer] = std::make_unique<NcclEdge>(plane, control_, peer, rank() != sender, ids[sender == lower ? 0 : 1]);
    }
  }

  NcclControl control_;
  std::map<int, std::unique_ptr<NcclEdge>> sends_, receives_;  // by peer
};

class NcclWorld : public groups::World {
 public:
  NcclWorld(std::unique_ptr<groups::World> control, const NcclCalls& calls, const NcclSettings& settings)
      : issuer_(settings.gpu), control_(std::move(control)), plane_{*control_, calls, settings.deadline_s, issuer_} {}
  int rank() const override { return control_->rank(); }
  int size() const override { return control_->size(); }
  std::unique_ptr<Group> group(const std::string& name, const std::vector<int>& ranks) override {
    return std::make_unique<NcclGroup>(plane_, name, ranks);
  }
  void fail(const std::string& why) override { control_->fail(why); }
  std::optional<std::string> failure() const override { return control_->failure(); }

 private:
  Issuer issuer_;
  std::unique_ptr<groups::World> control_;
  NcclPlane plane_;
};

}  // namespace

std::unique_ptr<groups::World> join_nccl_world(std::unique_ptr<groups::World> control, const NcclCalls& calls,
                                               const NcclSettings& settings) {
  return std::make_unique<NcclWorld>(std::move(control), calls, settings);
}

}  // namespace ppplan::exec::cuda
