// Ranks tell each other of their GPUs, and set NCCL up for what they find.
#include "exec/launch/rank_gpus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <numeric>

#include "tests/exec/group_suite.h"

namespace ppplan::tests {
namespace {

using exec::launch::RankGpu;
using testing::HasSubstr;

RankGpu gpu_of(int rank) {
  return {rank < 2 ? "node-a" : "the second node",
          rank % 2,
          "NVIDIA H200",
          "0000:0" + std::to_string(rank % 2) + ":00",
          std::int64_t{141} << 30,
          "2.28.9"};
}

std::vector<RankGpu> gpus(int count) {
  std::vector<RankGpu> out;
  for (int rank = 0; rank < count; ++rank) out.push_back(gpu_of(rank));
  return out;
}

TEST(RankGpus, EveryRankHearsOfAll) {
  const Outcomes outcomes = thread_launch().run(4, 60, [](exec::groups::World& world) {
    std::vector<int> everyone(4);
    std::iota(everyone.begin(), everyone.end(), 0);
    const auto group = world.group("all", everyone);
    expect(exec::launch::gathered_gpus(*group, gpu_of(world.rank())) == gpus(4), "other GPUs than those of the ranks");
  });
  EXPECT_EQ(outcomes, Outcomes(4));
}

TEST(RankGpus, OneGpuOfTwoRanksIsShared) {
  std::vector<RankGpu> all = gpus(4);
  EXPECT_FALSE(exec::launch::share_gpus(all));  // equal places on two hosts are two GPUs
  all[1].bus_id = all[0].bus_id;
  EXPECT_TRUE(exec::launch::share_gpus(all));
}

TEST(RankGpus, LibrariesOfTwoVersionsAreNamed) {
  std::vector<RankGpu> all = gpus(4);
  EXPECT_NO_THROW(exec::launch::check_versions(all));
  all[2].nccl = "2.27.3";
  try {
    exec::launch::check_versions(all);
    FAIL();
  } catch (const exec::GroupError& error) {
    EXPECT_THAT(error.what(), HasSubstr("rank 2 on the second node has NCCL 2.27.3, rank 0 on node-a has 2.28.9"));
  }
}

TEST(RankGpus, RanksThatShareOneAreHostsOfTheirOwnToNccl) {
  const std::vector<const char*> names = {"NCCL_HOSTID", "NCCL_NET", "NCCL_SOCKET_IFNAME",
                                          "NCCL_LAUNCH_ORDER_IMPLICIT"};
  const auto value = [](const char* name) {
    const char* found = std::getenv(name);
    return std::string(found != nullptr ? found : "");
  };
  for (const char* name : names) unsetenv(name);
  exec::launch::set_nccl_environment(1, gpus(2));
  EXPECT_EQ(value("NCCL_LAUNCH_ORDER_IMPLICIT"), "1");
  EXPECT_EQ(value("NCCL_HOSTID"), "");  // each has its own GPU
  std::vector<RankGpu> shared = gpus(2);
  shared[1].bus_id = shared[0].bus_id;
  setenv("NCCL_NET", "mine", 1);
  exec::launch::set_nccl_environment(1, shared);
  EXPECT_EQ(value("NCCL_HOSTID"), "ppplan-rank-1");
  EXPECT_EQ(value("NCCL_NET"), "mine");
  EXPECT_EQ(value("NCCL_SOCKET_IFNAME"), "lo");
  for (const char* name : names) unsetenv(name);
}

}  // namespace
}  // namespace ppplan::tests
