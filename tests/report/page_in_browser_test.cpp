// The report page in a real browser without a window: it draws everything, zooms, tells every operation under the
// mouse, and fits a narrow window. tests/report/page_driver.js does what a person would do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "planner/report/html_page.h"
#include "planner/schedule/longest_path.h"
#include "planner/schedule/named_order.h"
#include "planner/schedule/training_schedule.h"
#include "tests/source_dir.h"

namespace ppplan::report {
namespace {

using nlohmann::json;
using testing::Each;
using testing::HasSubstr;

std::string content(const std::filesystem::path& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

/// A folder of its own, removed with it.
class Scratch {
 public:
  Scratch() : path_(std::filesystem::temp_directory_path() / "ppplan-page-XXXXXX") {
    std::string name = path_.string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder " + name);
    path_ = name;
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::filesystem::path file(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// What the driver left in the page: the value of data-told, with its quotes written out again.
json told_in(const std::string& dom) {
  const std::string before = "data-told=\"";
  const auto begin = dom.find(before);
  if (begin == std::string::npos) throw std::runtime_error("the driver told nothing:\n" + dom.substr(0, 500));
  std::string text = dom.substr(begin + before.size(), dom.find('"', begin + before.size()) - begin - before.size());
  for (const auto& [entity, sign] : {std::pair{"&quot;", "\""}, {"&lt;", "<"}, {"&gt;", ">"}, {"&amp;", "&"}})
    for (auto at = text.find(entity); at != std::string::npos; at = text.find(entity, at + 1))
      text.replace(at, std::string(entity).size(), sign);
  return json::parse(text);
}

void insert_before(std::string& page, const std::string& tag, const std::string& script) {
  page.insert(page.rfind(tag), "<script>" + script + "</script>");
}

/// The page with the driver behind its own scripts, shown in a window of that width. Frames come by the browser's
/// virtual clock, which then runs as far as the driver needs it.
json driven(std::string page, int width) {
  const Scratch scratch;
  insert_before(page, "<style>", "window.requestAnimationFrame = (act) => setTimeout(act, 1);");
  insert_before(page, "</body>", content(tests::source_dir() + "/tests/report/page_driver.js"));
  std::ofstream(scratch.file("page.html")) << page;
  const std::string line =
      std::string(PPPLAN_BROWSER) + " --headless --no-sandbox --disable-gpu --virtual-time-budget=20000 --dump-dom" +
      " --user-data-dir=" + scratch.file("profile").string() + " --window-size=" + std::to_string(width) +
      ",900 file://" + scratch.file("page.html").string() + " >" + scratch.file("dom").string() + " 2>" +
      scratch.file("err").string() + " </dev/null";
  if (std::system(line.c_str()) != 0)  // NOLINT: the shell is wanted
    throw std::runtime_error("the browser failed: " + content(scratch.file("err")));
  return told_in(content(scratch.file("dom")));
}

/// zb-v of 3 ranks and 4 micro-batches: predicted, and a measured run that was a tenth slower.
class PageInBrowser : public testing::Test {
 protected:
  void SetUp() override {
    if (std::string(PPPLAN_BROWSER).empty())
      GTEST_SKIP() << "no Chromium here: install it (Debian: chromium) to try the report page";
    schedule_ = schedule::training_schedule(schedule::named_order({"zbv-torch", 3, 4, 2, 0}),
                                            schedule::uniform_costs(6, {1, 1, 1, 0.2, 1}));
    seconds_ = schedule::own_seconds(schedule_);
    predicted_ = schedule::longest_path(schedule_, seconds_);
    std::vector<double> slower = seconds_;
    for (double& seconds : slower) seconds *= 1.1;
    measured_ = schedule::longest_path(schedule_, slower);
    content_.title = "a <run> & its \"page\"";
    content_.facts = {{"partition", "1,1,1,1,1,1"}};
    content_.schedule = &schedule_;
    content_.alone_s = &seconds_;
    content_.activations.bytes = {4};
    content_.predicted = &predicted_;
    content_.measured = &measured_;
  }

  /// In a window of usual width, once for all tests.
  const json& driven_once() const {
    static const json once = driven(html_page(content_), 1280);
    return once;
  }

  int count_computes() const {
    return static_cast<int>(
        std::ranges::count_if(schedule_.ops, [](const auto& op) { return is_compute(op.key.kind); }));
  }

  schedule::Schedule schedule_;
  std::vector<double> seconds_;
  traces::Timeline predicted_, measured_;
  PageContent content_;
};

TEST_F(PageInBrowser, DrawsEveryOperationAndTellsItUnderTheMouse) {
  const json& told = driven_once();
  ASSERT_EQ(told["failed"], "");
  EXPECT_EQ(told["problem"], "");
  EXPECT_EQ(told["ready"], "1");
  const int ops = static_cast<int>(schedule_.ops.size());
  EXPECT_EQ(told["drawn"], 2 * ops);
  EXPECT_EQ(told["withoutTransfers"], 2 * count_computes());
  std::set<std::string> computes;
  for (const std::string story : told["stories"])
    if (story.starts_with("forward") || story.starts_with("input") || story.starts_with("weight"))
      computes.insert(story);
  EXPECT_EQ(static_cast<int>(computes.size()), 2 * count_computes());
  EXPECT_THAT(*computes.begin(), HasSubstr("micro-batch"));
  EXPECT_TRUE(told["tipInside"].get<bool>());
  EXPECT_TRUE(told["tipGone"].get<bool>());
}

TEST_F(PageInBrowser, ZoomsByButtonsKeysAndWheel) {
  const json& told = driven_once();
  ASSERT_EQ(told["failed"], "");
  const double whole = told["whole"];
  EXPECT_NEAR(told["button"], whole / 1.6, 1e-9 * whole);
  EXPECT_NEAR(told["plus"], whole / 1.6, 1e-9 * whole);
  EXPECT_GT(told["moved"], 0.0);
  EXPECT_LT(told["wheel"], whole);
  EXPECT_EQ(told["plainWheel"], told["wheel"]);  // the page scrolls then
  EXPECT_EQ(told["all"], told["whole"]);
  EXPECT_EQ(told["zero"], told["whole"]);
}

TEST_F(PageInBrowser, ShowsThePathTheMemoryAndWhereTimeWent) {
  const json& told = driven_once();
  ASSERT_EQ(told["failed"], "");
  EXPECT_GT(told["colours"], 10);
  EXPECT_GT(told["memoryColours"], 3);
  EXPECT_TRUE(told["critical"].get<bool>());
  EXPECT_FALSE(told["criticalOff"].get<bool>());
  EXPECT_TRUE(told["themeChanges"].get<bool>());
  ASSERT_EQ(told["shares"].size(), 6U);  // 3 ranks, predicted and measured
  for (const double share : told["shares"]) EXPECT_NEAR(share, 100, 0.1);
  EXPECT_THAT(told["figures"].dump(), HasSubstr("+10.0 %measured against predicted"));
  EXPECT_THAT(told["bound"].get<std::string>(), HasSubstr("What the bound is"));
}

TEST_F(PageInBrowser, FitsANarrowWindow) {
  for (const int width : {360, 600}) {
    const json told = driven(html_page(content_), width);
    ASSERT_EQ(told["failed"], "") << width;
    EXPECT_LE(told["overflow"], 0) << width;
    EXPECT_TRUE(told["tipInside"].get<bool>()) << width;
  }
}

}  // namespace
}  // namespace ppplan::report
