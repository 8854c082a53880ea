// What only ranks over sockets can suffer: other versions, ranks that are missing, killed or stopped, strangers.
#include <gmock/gmock.h>
#include <unistd.h>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/write.hpp>
#include <csignal>
#include <numeric>

#include "planner/input/input_error.h"
#include "tests/exec/group_programs.h"
#include "tests/exec/tcp_launch.h"

namespace ppplan::tests {
namespace {

using exec::Group;
using exec::groups::TcpSettings;
using exec::groups::World;
using testing::AllOf;
using testing::Each;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

constexpr double patience_s = 60;

std::unique_ptr<Group> everyone(World& world) {
  std::vector<int> ranks(static_cast<std::size_t>(world.size()));
  std::iota(ranks.begin(), ranks.end(), 0);
  return world.group("PP 0", ranks);
}

void meet_once(World& world) { everyone(world)->barrier(); }

TEST(TcpWorld, ARankOfAnotherVersionIsNamedOnEveryRank) {
  const auto launch = tcp_thread_launch([](TcpSettings& s) { s.version = s.rank == 2 ? "0.2" : "0.1"; });
  EXPECT_THAT(launch.run(3, patience_s, meet_once),
              Each(AllOf(StartsWith("GroupError: rendezvous at 127.0.0.1:"),
                         EndsWith(": rank 2 runs version 0.2, rank 0 runs 0.1"))));
}

TEST(TcpWorld, ARankStartedForAnotherSizeIsNamedOnEveryRank) {
  const auto launch = tcp_thread_launch([](TcpSettings& s) { s.size = s.rank == 1 ? 4 : 3; });
  EXPECT_THAT(launch.run(3, patience_s, meet_once), Each(EndsWith(": rank 1 was started for 4 ranks, rank 0 for 3")));
}

TEST(TcpWorld, TwoRanksOfOneNumberAreRefused) {
  const auto launch = tcp_thread_launch([](TcpSettings& s) { s.rank = s.rank == 2 ? 1 : s.rank; });
  EXPECT_THAT(launch.run(4, patience_s, meet_once), Each(EndsWith(": rank 1 came twice")));
}

TEST(TcpWorld, RanksThatDontComeAreNamedOnEveryRankThatCame) {
  const auto launch = tcp_thread_launch([](TcpSettings& s) {
    s.size = 5;
    s.start_s = s.rank == 0 ? 0.1 : patience_s;
  });
  EXPECT_THAT(launch.run(3, patience_s, meet_once), Each(HasSubstr(": after 0.1 s ranks have not come: ")));
}

TEST(TcpWorld, ARankThatFindsNobodySaysWhere) {
  TcpSettings settings;
  settings.rank = 1;
  settings.size = 2;
  settings.port = 1;  // where no program of a user listens
  settings.start_s = 0.05;
  try {
    exec::groups::join_tcp_world(settings);
    FAIL() << "it joins nobody";
  } catch (const exec::GroupError& error) {
    EXPECT_THAT(error.what(), StartsWith("rendezvous at 127.0.0.1:1: rank 1 found no rank 0 in 0.05 s ("));
  }
}

TEST(TcpWorld, RefusesRanksOutsideOfTheSize) {
  for (int rank : {-1, 2}) {
    TcpSettings settings;
    settings.size = 2;
    settings.rank = rank;
    EXPECT_THROW(exec::groups::join_tcp_world(settings), input::InputError);
  }
  EXPECT_THROW(exec::groups::listen_on("no such host", 0), input::InputError);
}

/// Another program that connects, says something and goes, or says nothing and stays.
void speak(asio::ip::tcp::socket& socket, std::uint16_t port, std::string_view text) {
  socket.connect({asio::ip::make_address("127.0.0.1"), port});
  asio::write(socket, asio::buffer(text));
}

TEST(TcpWorld, StrangersAtTheRendezvousAreIgnored) {
  asio::io_context context;
  std::vector<asio::ip::tcp::socket> strangers;
  const auto launch = tcp_thread_launch([&](TcpSettings& s) {
    if (s.rank != 0) return;
    for (std::string_view text : {"", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "\x01\0\0\0\0\0\0\0x",
                                  "\xff\xff\xff\xff\xff\xff\xff\xff", "\x08\0\0\0"}) {
      strangers.emplace_back(context);
      speak(strangers.back(), s.port, text);
    }
    strangers.pop_back();
  });
  EXPECT_EQ(launch.run(3, patience_s, meet_once), Outcomes(3));
}

TEST(TcpWorld, ARankThatIsKilledIsNamedOnEveryOther) {
  for (int killed = 0; killed < 3; ++killed) {
    Outcomes outcomes = tcp_process_launch().run(3, patience_s, [&](World& world) {
      const auto group = everyone(world);
      group->barrier();
      if (world.rank() == killed) raise(SIGKILL);
      group->barrier();
    });
    EXPECT_EQ(outcomes[static_cast<std::size_t>(killed)], "signal 9");
    outcomes.erase(outcomes.begin() + killed);
    EXPECT_THAT(outcomes, Each("GroupError: rank " + std::to_string(killed) + " has died: its connection is closed"));
  }
}

TEST(TcpWorld, ARankKilledAtAnyPointEndsAllOthers) {
  for (int seed = 0; seed < 8; ++seed) {
    const int killed = seed % 4;
    Outcomes outcomes = tcp_process_launch().run(4, patience_s, [&](World& world) {
      const auto group = everyone(world);
      if (world.rank() == killed) {
        // Runs a shorter program than the others and is killed with its last messages just sent.
        run_drawn_program(*group, static_cast<std::uint64_t>(seed), 2 + seed / 4);
        raise(SIGKILL);
      }
      run_drawn_program(*group, static_cast<std::uint64_t>(seed), 30);
      group->barrier();
    });
    EXPECT_EQ(outcomes[static_cast<std::size_t>(killed)], "signal 9");
    outcomes.erase(outcomes.begin() + killed);
    EXPECT_THAT(outcomes, Each("GroupError: rank " + std::to_string(killed) + " has died: its connection is closed"))
        << "seed " << seed;
  }
}

TEST(TcpWorld, ARankThatIsStoppedIsTakenForDead) {
  const auto impatient = [](TcpSettings& s) {
    s.heartbeat_s = 0.1;
    s.silence_s = 1;
  };
  for (int stopped = 0; stopped < 2; ++stopped) {
    Outcomes outcomes = tcp_process_launch(impatient).run(3, patience_s, [&](World& world) {
      const auto group = everyone(world);
      group->barrier();
      if (world.rank() == stopped) raise(SIGSTOP);
      group->barrier();
    });
    EXPECT_EQ(outcomes[static_cast<std::size_t>(stopped)], "signal 9");
    outcomes.erase(outcomes.begin() + stopped);
    EXPECT_THAT(outcomes, Each("GroupError: rank " + std::to_string(stopped) +
                               " hangs or can't be reached: no sign of life for 1 s"));
  }
}

}  // namespace
}  // namespace ppplan::tests
