#include <numeric>
#include <ostream>
#include <stdexcept>
#include <thread>

#include "exec/groups/thread_world.h"
#include "tests/exec/group_suite.h"

namespace ppplan::tests {

using exec::Group;
using exec::groups::World;

void PrintTo(const Launch& launch, std::ostream* out) { *out << launch.name; }
std::string launch_name(const testing::TestParamInfo<Launch>& info) { return info.param.name; }

std::string outcome_of(const std::function<void()>& rank) {
  try {
    rank();
    return "";
  } catch (const exec::GroupError& error) {
    return std::string("GroupError: ") + error.what();
  } catch (const std::exception& error) {
    return std::string("fault: ") + error.what();
  }
}

void expect(bool holds, const std::string& message) {
  if (!holds) throw std::logic_error(message);
}

Launch thread_launch() {
  return {"Threads", [](int size, double deadline_s, const Program& program) {
            auto worlds = exec::groups::thread_worlds(size, deadline_s);
            Outcomes out(worlds.size());
            std::vector<std::thread> threads;
            for (std::size_t r = 0; r < worlds.size(); ++r)
              threads.emplace_back([&out, &program, r, world = std::move(worlds[r])]() mutable {
                out[r] = outcome_of([&] { program(*world); });
                world.reset();
              });
            for (auto& thread : threads) thread.join();
            return out;
          }};
}

Outcomes GroupSuite::run(int size, const std::function<void(Group&)>& program, double deadline_s) {
  return GetParam().run(size, deadline_s, [&](World& world) {
    std::vector<int> everyone(static_cast<std::size_t>(world.size()));
    std::iota(everyone.begin(), everyone.end(), 0);
    const auto group = world.group("PP 0", everyone);
    program(*group);
  });
}

void GroupSuite::expect_well(int size, const std::function<void(Group&)>& program) {
  EXPECT_EQ(run(size, program), Outcomes(static_cast<std::size_t>(size))) << size << " ranks";
}

}  // namespace ppplan::tests
