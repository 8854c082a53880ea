// Rows that PyTorch itself wrote.
#include <gtest/gtest.h>

#include "planner/input/document.h"
#include "planner/schedule/torch_order.h"
#include "tests/shared_data.h"

namespace ppplan::schedule {
namespace {

TEST(TorchGolden, RowsAreReadAndWrittenAsTheyWere) {
  const auto path = tests::shared_file("golden/schedules.json");
  if (path.empty()) GTEST_SKIP() << "no golden data beside this checkout";
  const input::Document document = input::read_document(path);
  int compared = 0;
  for (const input::Node& item : document.root().at("pytorch_orders").items()) {
    std::string computes, talks;
    for (const input::Node& row : item.at("csv_rows").items()) computes += row.text() + "\n";
    for (const std::string& rank : item.at("order_with_comms").keys()) {
      std::string line;
      for (const input::Node& action : item.at("order_with_comms").at(rank).items())
        line.append(line.empty() ? "" : ",").append(action.text());
      talks += line + "\n";
    }
    const TorchSchedule rows = torch_from_csv(computes, "rows.csv");
    EXPECT_EQ(torch_to_csv(rows), computes) << item.pointer();
    EXPECT_EQ(torch_to_csv(torch_from_csv(talks, "rows.csv")), talks) << item.pointer();
    EXPECT_EQ(torch_to_csv(with_transfers(rows, "rows.csv")), talks) << item.pointer();
    ++compared;
  }
  EXPECT_EQ(compared, 16);
}

}  // namespace
}  // namespace ppplan::schedule
