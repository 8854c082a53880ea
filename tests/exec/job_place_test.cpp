// Who a process is under each launcher.
#include "exec/launch/job_place.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "planner/input/input_error.h"

namespace ppplan::tests {
namespace {

using exec::launch::first_host;
using exec::launch::job_place;
using exec::launch::JobPlace;
using exec::launch::tasks_on;
using Variables = std::map<std::string, std::string>;

std::optional<JobPlace> place(const Variables& variables) {
  return job_place([&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  });
}

const Variables torchrun{{"RANK", "5"},
                         {"WORLD_SIZE", "8"},
                         {"LOCAL_RANK", "1"},
                         {"LOCAL_WORLD_SIZE", "4"},
                         {"MASTER_ADDR", "gpu01"},
                         {"MASTER_PORT", "29500"}};
const Variables slurm{{"SLURM_PROCID", "5"},
                      {"SLURM_NTASKS", "6"},
                      {"SLURM_LOCALID", "1"},
                      {"SLURM_NODEID", "1"},
                      {"SLURM_STEP_TASKS_PER_NODE", "4,2"},
                      {"SLURM_JOB_NODELIST", "gpu[03-04]"},
                      {"SLURM_JOB_ID", "100"},
                      {"SLURM_STEP_ID", "2"}};
const Variables open_mpi{{"OMPI_COMM_WORLD_RANK", "1"},
                         {"OMPI_COMM_WORLD_SIZE", "2"},
                         {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                         {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"},
                         {"PMIX_NAMESPACE", "1234"}};
const Variables mpich{{"PMI_RANK", "1"}, {"PMI_SIZE", "4"}, {"MPI_LOCALRANKID", "1"}, {"MPI_LOCALNRANKS", "2"}};

Variables with(Variables variables, const Variables& more) {
  for (const auto& [name, value] : more) variables[name] = value;
  return variables;
}

TEST(JobPlace, NothingWhereNoLauncherRuns) {
  EXPECT_FALSE(place({}));
  Variables incomplete = torchrun;
  incomplete.erase("LOCAL_WORLD_SIZE");
  EXPECT_FALSE(place(incomplete));
  EXPECT_FALSE(place(with(torchrun, {{"RANK", ""}})));
}

TEST(JobPlace, ReadsTorchrun) { EXPECT_EQ(place(torchrun), (JobPlace{"torchrun", 5, 8, 1, 4, "gpu01", 29500})); }

TEST(JobPlace, LeavesTheAgentsPortToIt) {
  // The agent listens on 29500 itself, so rank 0 takes the next one.
  EXPECT_EQ(place(with(torchrun, {{"TORCHELASTIC_USE_AGENT_STORE", "True"}}))->port, 29501);
  EXPECT_EQ(place(with(torchrun, {{"TORCHELASTIC_USE_AGENT_STORE", "False"}}))->port, 29500);
  EXPECT_EQ(place(with(torchrun, {{"TORCHELASTIC_USE_AGENT_STORE", "True"}, {"PPPLAN_PORT", "7000"}}))->port, 7000);
}

TEST(JobPlace, ReadsSlurm) {
  // Port 20000 + (100 x 16 + 2) mod 12000.
  EXPECT_EQ(place(slurm), (JobPlace{"Slurm", 5, 6, 1, 2, "gpu03", 21602}));
  Variables no_list = slurm;
  no_list.erase("SLURM_JOB_NODELIST");
  EXPECT_THROW(place(no_list), input::InputError);
  EXPECT_EQ(place(with(no_list, {{"SLURM_LAUNCH_NODE_IPADDR", "10.0.0.1"}}))->address, "10.0.0.1");
}

TEST(JobPlace, ReadsOpenMpiAndMpich) {
  const auto here = place(open_mpi);
  ASSERT_TRUE(here);
  EXPECT_EQ(here->address, "127.0.0.1");
  EXPECT_EQ(*here, *place(with(open_mpi, {})));  // all ranks of a job make the same port of its name
  EXPECT_GE(here->port, 20000);
  EXPECT_LT(here->port, 32000);
  EXPECT_THROW(place(mpich), input::InputError);  // 2 of 4 ranks here: the others can't know where rank 0 is
  EXPECT_EQ(place(with(mpich, {{"MASTER_ADDR", "a"}, {"MASTER_PORT", "4000"}})),
            (JobPlace{"MPICH", 1, 4, 1, 2, "a", 4000}));
}

TEST(JobPlace, TheFirstCompleteSetWins) {
  EXPECT_EQ(place(with(with(with(mpich, open_mpi), slurm), torchrun))->launcher, "torchrun");
  EXPECT_EQ(place(with(with(mpich, open_mpi), slurm))->launcher, "Slurm");
  EXPECT_EQ(place(with(mpich, open_mpi))->launcher, "Open MPI");
  Variables half_torchrun = with(slurm, torchrun);
  half_torchrun.erase("MASTER_PORT");
  EXPECT_EQ(place(half_torchrun)->launcher, "Slurm");
}

TEST(JobPlace, NamesTheVariableThatIsWrong) {
  for (const auto& [name, value] : Variables{{"RANK", "first"}, {"MASTER_PORT", "70000"}, {"WORLD_SIZE", "-2"}}) {
    try {
      place(with(torchrun, {{name, value}}));
      FAIL() << name;
    } catch (const input::InputError& error) {
      EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr(name), testing::HasSubstr(value)));
    }
  }
  EXPECT_THROW(place(with(torchrun, {{"RANK", "8"}})), input::InputError);
}

TEST(JobPlace, FirstHostOfSlurmsLists) {
  EXPECT_EQ(first_host("gpu[03-07,9],login"), "gpu03");
  EXPECT_EQ(first_host("gpu[9]"), "gpu9");
  EXPECT_EQ(first_host("a[1,2]-ib,b"), "a1-ib");
  EXPECT_EQ(first_host("one,two[1-2]"), "one");
  EXPECT_EQ(first_host("alone"), "alone");
  EXPECT_EQ(first_host(""), "");
  EXPECT_EQ(first_host("broken[1"), "");
}

TEST(JobPlace, TasksOfSlurmsLists) {
  for (const auto& [node, tasks] : std::map<int, int>{{0, 4}, {1, 4}, {2, 1}})
    EXPECT_EQ(tasks_on("4(x2),1", node), tasks);
  EXPECT_FALSE(tasks_on("4(x2),1", 3));
  EXPECT_FALSE(tasks_on("", 0));
  EXPECT_FALSE(tasks_on("many", 0));
}

}  // namespace
}  // namespace ppplan::tests
