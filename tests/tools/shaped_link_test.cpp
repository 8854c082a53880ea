// Two ranks in network namespaces with a shaped link between them: what the simulator makes of the link's measured
// curve is what a run over the link takes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "tests/tools/command.h"
#include "tests/tools/job.h"

namespace ppplan::tests {
namespace {

constexpr double patience_s = 300;

bool shell(const std::string& line) { return std::system((line + " >/dev/null 2>&1").c_str()) == 0; }

/// Two namespaces with a pair of virtual cards, each of which lets 40 Mbit/s out: less than the stages of the test want
/// to send.
class ShapedLink {
 public:
  ShapedLink() {
    const std::string first = name(0), second = name(1), card = "pp" + std::to_string(getpid());
    made_ = shell("ip netns add " + first) && shell("ip netns add " + second) &&
            shell("ip link add " + card + "a netns " + first + " type veth peer name " + card + "b netns " + second);
    for (int end = 0; end < 2; ++end) {
      const std::string of = " -n " + name(end) + " ", own = card + (end == 0 ? "a" : "b");
      made_ = made_ && shell("ip" + of + "addr add " + address(end) + "/24 dev " + own) &&
              shell("ip" + of + "link set " + own + " up") && shell("ip" + of + "link set lo up") &&
              shell("tc" + of + "qdisc add dev " + own + " root tbf rate 40mbit burst 32kb latency 400ms");
    }
  }
  ~ShapedLink() {
    for (int end = 0; end < 2; ++end) shell("ip netns del " + name(end));
  }
  ShapedLink(const ShapedLink&) = delete;
  ShapedLink& operator=(const ShapedLink&) = delete;
  bool made() const { return made_; }
  static std::string address(int end) { return "10.77.0." + std::to_string(end + 1); }
  static std::string name(int end) { return "ppplan" + std::to_string(getpid()) + "-" + std::to_string(end); }

  /// The command on a rank at each end; what rank 0 printed.
  static Outcome run(const std::vector<std::string>& arguments) {
    std::map<std::string, std::string> environment{{"WORLD_SIZE", "2"},       {"LOCAL_RANK", "0"},
                                                   {"LOCAL_WORLD_SIZE", "1"}, {"MASTER_ADDR", address(0)},
                                                   {"MASTER_PORT", "29500"},  {"RANK", "0"}};
    Job first(arguments, environment, {"ip", "netns", "exec", name(0)});
    environment["RANK"] = "1";
    Job second(arguments, environment, {"ip", "netns", "exec", name(1)});
    Outcome out;
    out.status = first.ended(patience_s).value_or(-1);
    EXPECT_EQ(second.ended(patience_s), 0) << second.err();
    out.out = first.out();
    out.err = first.err();
    return out;
  }

 private:
  bool made_ = false;
};

/// Of a run over the link of a plan that was made for it with these costs: measured / predicted - 1.
double error_of_run(const std::string& profile_flags) {
  const std::string plan = scratch("shaped_plan.json");
  const Outcome search = ppplan("search --model tiny --gpus 2xcpu-core --nodes 2 --network bw=5MB/s,latency=0us " +
                                profile_flags + " --tp 1 --dp 1 --pp 2 --top 1 --out " + plan);
  EXPECT_EQ(search.status, 0) << search.err;
  const Outcome run =
      ShapedLink::run({"run", "--plan", plan, "--backend", "tcp", "--compute", "replay", "--wires", "real",
                       "--micro-batches", "12", "--repeats", "5", "--tolerance", "10", "--format", "json"});
  EXPECT_EQ(run.status, 0) << run.err;
  if (run.status != 0) return 1;
  return nlohmann::json::parse(run.out).at("error_fraction").get<double>();
}

TEST(ShapedLink, TheMeasuredCurvePredictsTheMakespanWithin5Percent) {
  const ShapedLink link;
  if (!link.made()) GTEST_SKIP() << "network namespaces with a shaped link need root, ip and tc with its tbf";
  const std::string profile = scratch("link.json");
  const Outcome measured = ShapedLink::run({"profile", "--transport", "tcp", "--out", profile});
  ASSERT_EQ(measured.status, 0) << measured.err;
  const double from_curve = error_of_run("--profile " + profile);
  EXPECT_LE(std::abs(from_curve), 0.05);
  RecordProperty("error_from_curve", std::to_string(from_curve));
  RecordProperty("error_from_bare_figures", std::to_string(error_of_run("")));
}

}  // namespace
}  // namespace ppplan::tests
