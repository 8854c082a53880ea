#include "tests/exec/group_suite.h"

#include <gmock/gmock.h>

#include "tests/exec/group_programs.h"

namespace ppplan::tests {
namespace {

using exec::DataType;
using exec::Group;
using exec::GroupError;
using exec::Reduction;
using exec::Tensor;
using exec::TensorMap;
using exec::groups::World;
using testing::AllOf;
using testing::Each;
using testing::HasSubstr;
using testing::StartsWith;
using Bytes = std::vector<std::byte>;
using Pendings = std::vector<std::unique_ptr<exec::Pending>>;

bool throws(const std::function<void()>& call) {
  try {
    call();
  } catch (const GroupError&) {
    return true;
  }
  return false;
}

TEST_P(GroupSuite, NumbersItsRanksAndTheirCyclicNeighbours) {
  for (int size = 1; size <= 5; ++size)
    expect_well(size, [size](Group& group) {
      expect(group.size() == size && group.name() == "PP 0", "size or name differs");
      std::int64_t rank = group.rank();
      std::vector<std::int64_t> ranks(static_cast<std::size_t>(size));
      group.all_gather(std::as_bytes(std::span(&rank, 1)), std::as_writable_bytes(std::span(ranks)));
      for (std::int64_t r = 0; r < size; ++r)
        expect(ranks[static_cast<std::size_t>(r)] == r, "ranks are not 0, 1, ...");
      expect(next_rank(group) == (group.rank() + 1) % size, "next rank differs");
      expect((previous_rank(group) + 1) % size == group.rank(), "previous rank differs");
    });
}

TEST_P(GroupSuite, MessagesOfAPairArriveInTheOrderInWhichTheyWereSent) {
  expect_well(3, [](Group& group) {
    constexpr int count = 40;
    std::vector<Bytes> sent, got;
    Pendings pendings;
    sent.reserve(3 * count);
    got.reserve(3 * count);
    for (int i = 0; i < count; ++i)
      for (int peer : {next_rank(group), previous_rank(group)}) {
        sent.push_back(drawn_bytes(1, i, group.rank() * 3 + peer, static_cast<std::size_t>(i % 7)));
        got.emplace_back(static_cast<std::size_t>(i % 7));
        pendings.push_back(group.isend(sent.back(), peer));
        pendings.push_back(group.irecv(got.back(), peer));
      }
    while (!pendings.empty()) {
      pendings.back()->wait();
      pendings.pop_back();
    }
    for (int i = 0, at = 0; i < count; ++i)
      for (int peer : {next_rank(group), previous_rank(group)})
        expect(got[static_cast<std::size_t>(at++)] ==
                   drawn_bytes(1, i, peer * 3 + group.rank(), static_cast<std::size_t>(i % 7)),
               "message " + std::to_string(i) + " differs");
  });
}

TEST_P(GroupSuite, MessagesMayBeEmpty) {
  expect_well(2, [](Group& group) {
    for (int i = 0; i < 3; ++i) {
      if (group.rank() == 0)
        send(group, {}, 1);
      else
        recv(group, {}, 0);
      group.all_reduce({}, DataType::fp32, Reduction::sum);
      group.broadcast({}, 0);
    }
  });
}

TEST_P(GroupSuite, MessagesOfMebibytesCrossInBothDirectionsAtOnce) {
  constexpr std::size_t bytes = (3 << 20) + 3;
  const std::vector<Bytes> messages = {drawn_bytes(2, 0, 0, bytes), drawn_bytes(2, 0, 1, bytes),
                                       drawn_bytes(2, 0, 2, bytes)};
  for (int size : {2, 3})
    expect_well(size, [&messages](Group& group) {
      for (int peer = 0; peer < group.size(); ++peer) {
        if (peer == group.rank()) continue;
        Bytes in(bytes);
        const auto receiving = group.irecv(in, peer);
        const auto sending = group.isend(messages[static_cast<std::size_t>(group.rank())], peer);
        sending->wait();
        receiving->wait();
        expect(in == messages[static_cast<std::size_t>(peer)], "a large message differs");
      }
    });
}

TEST_P(GroupSuite, APendingThatIsDroppedHasEnded) {
  expect_well(2, [](Group& group) {
    Bytes in(100'000);
    const Bytes out = drawn_bytes(3, 0, group.rank(), in.size());
    {
      const auto receiving = group.irecv(in, 1 - group.rank());
      const auto sending = group.isend(out, 1 - group.rank());
    }
    expect(in == drawn_bytes(3, 0, 1 - group.rank(), in.size()), "the message is not there");
  });
}

TEST_P(GroupSuite, AMessageOfAnotherSizeIsAnErrorThatNamesBoth) {
  for (std::size_t awaited : {std::size_t{5}, std::size_t{300'000}}) {
    const Outcomes outcomes = run(2, [&](Group& group) {
      Bytes data(group.rank() == 0 ? 70 : awaited);
      if (group.rank() == 0)
        send(group, data, 1);
      else
        recv(group, data, 0);
      group.barrier();
    });
    EXPECT_THAT(outcomes, Each(AllOf(StartsWith("GroupError: PP 0: rank 0 sent 70 bytes where rank 1 awaits"),
                                     HasSubstr(std::to_string(awaited)))));
  }
}

TEST_P(GroupSuite, RefusesPeersThatAreNotInIt) {
  expect_well(2, [](Group& group) {
    Bytes data(1);
    for (int peer : {-1, 2, group.rank()}) {
      expect(throws([&] { group.isend(data, peer); }), "isend takes peer " + std::to_string(peer));
      expect(throws([&] { group.irecv(data, peer); }), "irecv takes peer " + std::to_string(peer));
    }
    expect(throws([&] { group.broadcast(data, 2); }), "broadcast takes a root outside");
    group.barrier();  // the group still works
  });
}

TEST_P(GroupSuite, RefusesPartsThatDontFitAndReductionsOfBytes) {
  expect_well(3, [](Group& group) {
    Bytes two(2), three(3), four(4);
    expect(throws([&] { group.all_gather(two, three); }), "all_gather");
    expect(throws([&] { group.reduce_scatter(three, four, DataType::fp32, Reduction::sum); }), "reduce_scatter");
    expect(throws([&] { group.all_reduce(four, DataType::bytes, Reduction::sum); }), "all_reduce of bytes");
    expect(throws([&] { group.all_reduce(three, DataType::fp32, Reduction::sum); }), "all_reduce of 3 bytes");
    group.barrier();
  });
}

TEST_P(GroupSuite, MapsOfTensorsArriveWhole) {
  const Tensor hidden{DataType::fp32, {2, 3}, drawn_bytes(4, 0, 0, 24)};
  const Tensor scalar{DataType::int64, {}, drawn_bytes(4, 1, 0, 8)};
  const Tensor none{DataType::int32, {0, 5}, {}};
  const Tensor large{DataType::bytes, {1 << 20}, drawn_bytes(4, 2, 0, 1 << 20)};
  const TensorMap tensors{{"hidden_states", hidden}, {"", scalar}, {"none \n\"x\"", none}, {"large", large}};
  expect_well(3, [&](Group& group) {
    for (const TensorMap& each : {tensors, TensorMap{}}) {
      const auto sending = isend_tensors(group, each, next_rank(group));
      expect(recv_tensors(group, previous_rank(group)) == each, "the map differs");
      for (const auto& pending : sending) pending->wait();
    }
  });
}

TEST_P(GroupSuite, ATensorWhoseDataDontFillItsShapeIsNotSent) {
  expect_well(2, [](Group& group) {
    const TensorMap wrong{{"x", {DataType::fp32, {2}, Bytes(4)}}};
    const TensorMap negative{{"x", {DataType::fp32, {-2}, Bytes(4)}}};
    for (const TensorMap& tensors : {wrong, negative})
      expect(throws([&] { isend_tensors(group, tensors, next_rank(group)); }), "it is sent");
    group.barrier();
  });
}

TEST_P(GroupSuite, ReductionsEqualAPlainLoopOverRanks) {
  for (int size = 1; size <= 5; ++size)
    expect_well(size, [](Group& group) {
      for (std::size_t count : {0, 1, 4, 1000})
        for (DataType type : {DataType::fp32, DataType::int32, DataType::int64})
          for (Reduction reduction : {Reduction::sum, Reduction::max, Reduction::min}) {
            Bytes data = drawn_numbers(5, 0, group.rank(), count, type);
            group.all_reduce(data, type, reduction);
            expect(data == reduced(5, 0, group.size(), count, type, reduction),
                   "all_reduce of " + std::to_string(count) + " elements differs");
          }
    });
}

TEST_P(GroupSuite, SumsHaveTheSameBitsOnEveryRankAndInEveryRepeat) {
  expect_well(4, [](Group& group) {
    constexpr std::size_t count = 5001;
    Bytes first;
    for (int repeat = 0; repeat < 3; ++repeat) {
      Bytes data = drawn_numbers(6, 0, group.rank(), count, DataType::fp32);
      group.all_reduce(data, DataType::fp32, Reduction::sum);
      Bytes all(data.size() * 4);
      group.all_gather(data, all);
      for (std::size_t r = 0; r < 4; ++r)
        expect(std::equal(data.begin(), data.end(), all.begin() + static_cast<std::ptrdiff_t>(r * data.size())),
               "ranks hold different bits");
      if (repeat == 0) first = data;
      expect(data == first, "a repeat gives different bits");
    }
  });
}

TEST_P(GroupSuite, TwoHundredDrawnProgramsGiveWhatTheyMust) {
  for (int size = 1; size <= 5; ++size)
    expect_well(size, [size](Group& group) {
      for (std::uint64_t seed = 0; seed < 40; ++seed)
        run_drawn_program(group, 100 * static_cast<std::uint64_t>(size) + seed, 6);
    });
}

TEST_P(GroupSuite, GroupsOfARunAreApart) {
  const Program program = [](World& world) {
    // Two groups of one name, one of the ranks backwards, and two that share out the ranks.
    const auto forward = world.group("TP", {0, 1, 2, 3});
    const auto again = world.group("TP", {0, 1, 2, 3});
    const auto backward = world.group("backward", {3, 2, 1, 0});
    const int odd = world.rank() % 2;
    const auto half = world.group("half " + std::to_string(odd), {odd, odd + 2});
    expect(forward->rank() == world.rank() && backward->rank() == 3 - world.rank(), "ranks differ");
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
      run_drawn_program(*half, 10 + seed + 100 * static_cast<std::uint64_t>(odd), 5);
      run_drawn_program(*backward, 20 + seed, 5);
    }
    Bytes a(1), b(1);
    Pendings pendings;
    const Bytes one = drawn_bytes(7, 1, 0, 1), two = drawn_bytes(7, 2, 0, 1);
    if (world.rank() == 0) {
      pendings.push_back(again->isend(two, 1));
      pendings.push_back(forward->isend(one, 1));
    } else if (world.rank() == 1) {
      pendings.push_back(forward->irecv(a, 0));
      pendings.push_back(again->irecv(b, 0));
    }
    for (auto& pending : pendings) pending->wait();
    expect(world.rank() != 1 || (a == one && b == two), "messages of two groups are mixed up");
  };
  EXPECT_EQ(GetParam().run(4, patience_s, program), Outcomes(4));
}

TEST_P(GroupSuite, ARunRefusesGroupsThatNoListOfItsRanksDescribes) {
  const Program program = [](World& world) {
    for (const std::vector<int>& ranks : {std::vector{0, 1, 1}, {0, 1, 2}, {1 - world.rank()}, {}}) {
      bool refused = false;
      try {
        world.group("PP", ranks);
      } catch (const std::exception&) {
        refused = true;
      }
      expect(refused, "a wrong list is taken");
    }
  };
  EXPECT_EQ(GetParam().run(2, patience_s, program), Outcomes(2));
}

TEST_P(GroupSuite, RanksThatDisagreeAboutTheMembersOfAGroupEndAtTheDeadline) {
  const Program program = [](World& world) {
    const auto group = world.group("PP 0", world.rank() == 0 ? std::vector{0, 1} : std::vector{1, 0});
    group->barrier();
  };
  const Outcomes outcomes = GetParam().run(2, 0.05, program);
  EXPECT_THAT(outcomes, Each(AllOf(StartsWith("GroupError: PP 0: rank 0"), HasSubstr(" waited 0.05 s for rank 1"))));
  EXPECT_EQ(outcomes[0], outcomes[1]);
}

TEST_P(GroupSuite, TwoRanksThatAwaitEachOtherEndAtTheDeadline) {
  const Outcomes outcomes = run(
      3,
      [](Group& group) {
        Bytes data(8);
        if (group.rank() < 2) recv(group, data, 1 - group.rank());
        group.barrier();
      },
      0.05);
  // Who reaches the deadline first is not told by the program, but it is one of them and all hear of the same one.
  EXPECT_THAT(outcomes, Each(StartsWith("GroupError: PP 0: rank ")));
  EXPECT_THAT(outcomes, Each(HasSubstr(" waited 0.05 s for rank ")));
  EXPECT_THAT(outcomes, Each(outcomes[0]));
}

TEST_P(GroupSuite, ARankThatEndsEarlyIsNamedToThoseThatNeedIt) {
  for (int ending = 0; ending < 3; ++ending) {
    Outcomes outcomes = run(3, [ending](Group& group) {
      group.barrier();
      if (group.rank() != ending) group.barrier();
    });
    EXPECT_EQ(outcomes[static_cast<std::size_t>(ending)], "");
    outcomes.erase(outcomes.begin() + ending);
    EXPECT_THAT(outcomes, Each(AllOf(StartsWith("GroupError: "), HasSubstr("rank " + std::to_string(ending)),
                                     HasSubstr("has ended"))));
    EXPECT_EQ(outcomes[0], outcomes[1]);
  }
}

TEST_P(GroupSuite, ARankThatNobodyNeedsAnyMoreMayEndEarly) {
  for (int ending = 0; ending < 3; ++ending)
    expect_well(3, [ending](Group& group) {
      Bytes data(100'000);
      const int next = (ending + 1) % 3, last = (ending + 2) % 3;
      if (group.rank() == ending) return send(group, drawn_bytes(8, 0, ending, data.size()), next);
      if (group.rank() == next) {
        recv(group, data, ending);
        expect(data == drawn_bytes(8, 0, ending, data.size()), "the last message of a rank that ended differs");
      }
      for (int i = 0; i < 5; ++i) {
        if (group.rank() == next) send(group, data, last);
        if (group.rank() == last) recv(group, data, next);
      }
    });
}

TEST_P(GroupSuite, AFailureInOneGroupEndsAllGroupsOfTheRun) {
  const Program program = [](World& world) {
    const int pair = world.rank() / 2;
    const auto group = world.group("edge " + std::to_string(pair), {2 * pair, 2 * pair + 1});
    Bytes data(pair == 0 && group->rank() == 0 ? 3 : 4);
    if (pair == 0 && group->rank() == 0) send(*group, data, 1);
    recv(*group, data, 1 - group->rank());  // in the other pair both wait, and nobody sends
  };
  EXPECT_THAT(GetParam().run(4, patience_s, program),
              Each("GroupError: edge 0: rank 0 sent 3 bytes where rank 1 awaits 4"));
}

}  // namespace
}  // namespace ppplan::tests
