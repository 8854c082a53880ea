// Foreign schedules: what cannot run is found by replaying the rows.
#include "planner/verify/torch_claims.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "planner/input/document.h"
#include "planner/schedule/named_order.h"
#include "planner/schedule/torch_order.h"
#include "planner/schedule/training_schedule.h"
#include "planner/schedule/training_times.h"
#include "tests/shared_data.h"

namespace ppplan::verify {
namespace {

using schedule::torch_from_csv;
using schedule::TorchSchedule;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> false_claims(const TorchSchedule& schedule, std::optional<int> limit = std::nullopt) {
  std::vector<std::string> out;
  for (const Check& check : torch_claims(schedule, limit))
    if (!check.holds) out.push_back(check.claim + ": " + check.detail);
  return out;
}
std::vector<std::string> false_claims(const std::string& rows) {
  return false_claims(torch_from_csv(rows, "rows.csv"));
}

TEST(TorchClaims, HoldForEveryNamedOrderWithAndWithoutTransfers) {
  for (const std::string& name : schedule::order_names()) {
    if (name == "dualpipe") continue;  // two pipes
    const bool two = name != "gpipe" && name != "1f1b" && name != "zb-h1" && name != "zb-h2";
    const auto order = schedule::named_order({name, 4, 8, two ? 2 : 1, 0});
    const auto costs = schedule::uniform_costs(static_cast<int>(order.rank_of.size()), {1, 1, 1, 0, 1});
    const TorchSchedule rows = schedule::torch_schedule(schedule::training_schedule(order, costs), name);
    EXPECT_THAT(false_claims(rows), IsEmpty()) << name;
    EXPECT_EQ(torch_peaks(rows), schedule::training_times(order, costs).peak_micro_batches) << name;
    // PyTorch's placement appends both ends of a transfer at one moment, so every rank has them in one global order.
    EXPECT_THAT(false_claims(schedule::with_transfers(rows, name)), IsEmpty()) << name;
  }
}

TEST(TorchClaims, HoldForRowsOfPyTorch) {
  const auto path = tests::shared_file("golden/schedules.json");
  if (path.empty()) GTEST_SKIP() << "no golden data beside this checkout";
  const input::Document document = input::read_document(path);
  for (const input::Node& item : document.root().at("pytorch_orders").items()) {
    std::string rows;
    for (const input::Node& row : item.at("csv_rows").items()) rows += row.text() + "\n";
    EXPECT_THAT(false_claims(rows), IsEmpty()) << item.pointer();
    EXPECT_THAT(false_claims(schedule::with_transfers(torch_from_csv(rows, "rows"), "rows")), IsEmpty());
  }
}

TEST(TorchClaims, SendsThatWaitForOneAnotherAreFound) {
  // pytorch issue 172668, 2026-01-21, two stages a rank: rank 0 is stuck after 0SEND_F1 before 2RECV_F0, rank 1 after
  // 1SEND_F0 before 1RECV_F1: each sends, neither receives.
  EXPECT_THAT(
      false_claims("0F0,0SEND_F0,0F1,0SEND_F1,2RECV_F0,2F0,2SEND_F0,2RECV_F1,2F1,2SEND_F1,2RECV_B0,2B0,2SEND_B0,"
                   "2RECV_B1,2B1,2SEND_B1,0RECV_B0,0B0,0RECV_B1,0B1\n"
                   "1RECV_F0,1F0,1SEND_F0,1RECV_F1,1F1,1SEND_F1,3RECV_F0,3F0,3B0,3SEND_B0,3RECV_F1,3F1,3B1,"
                   "3SEND_B1,1RECV_B0,1B0,1SEND_B0,1RECV_B1,1B1,1SEND_B1\n"),
      ElementsAre(testing::AllOf(HasSubstr("0SEND_F1 (row 1, column 4)"), HasSubstr("1SEND_F0 (row 2, column 3)"))));
}

TEST(TorchClaims, ASwappedOrderOfReceivesIsFound) {
  // The second trace of that issue: rank 0 sends 0F2 before it receives the gradient of 3; rank 1 sends that gradient
  // before it receives 0F2. Cut down to one micro-batch behind the other.
  EXPECT_THAT(false_claims("0F0,0SEND_F0,0F1,0SEND_F1,0RECV_B0,0B0,0RECV_B1,0B1\n"
                           "1RECV_F0,1F0,1B0,1SEND_B0,1RECV_F1,1F1,1B1,1SEND_B1\n"),
              ElementsAre(HasSubstr("0SEND_F1 (row 1, column 4), 1SEND_B0 (row 2, column 4)")));
  EXPECT_THAT(false_claims("0F0,0SEND_F0,0F1,0SEND_F1,0RECV_B0,0B0,0RECV_B1,0B1\n"
                           "1RECV_F0,1F0,1B0,1RECV_F1,1SEND_B0,1F1,1B1,1SEND_B1\n"),
              IsEmpty());
}

TEST(TorchClaims, WrongOrderAndMissingReceivesAreFound) {
  EXPECT_THAT(false_claims("0B0,0F0\n"), testing::Contains(HasSubstr("0B0 before its forward")));
  EXPECT_THAT(false_claims("0F0,0W0,0I0\n"), ElementsAre(HasSubstr("0W0 before its input gradient")));
  EXPECT_THAT(false_claims("0F0,0SEND_F0,0RECV_B0,0B0\n1F0,1RECV_F0,1B0,1SEND_B0\n"),
              testing::Contains(HasSubstr("row 2, column 1: found 1F0 without its RECV_F")));
}

TEST(TorchClaims, MemoryIsCountedPerRankAndHeldAgainstALimit) {
  const TorchSchedule rows = torch_from_csv("0F0,0F1,,0B0,,0B1\n,1F0,1B0,1F1,1B1\n", "rows.csv");
  EXPECT_THAT(torch_peaks(rows), ElementsAre(2, 1));
  EXPECT_THAT(false_claims(rows, 2), IsEmpty());
  EXPECT_THAT(false_claims(rows, 1), ElementsAre(HasSubstr("rank 0: found 2")));
}

}  // namespace
}  // namespace ppplan::verify
