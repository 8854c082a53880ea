#include "planner/engines/emit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "planner/engines/launch_words.h"
#include "planner/engines/serve_line.h"
#include "planner/engines/shell_text.h"
#include "planner/engines/vllm_rules.h"
#include "planner/input/document.h"
#include "tests/engines/launch_plans.h"

namespace ppplan::engines {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

spec::Plan two_cards() { return plan_on({{"l4"}, {"l4"}}, {.tp = 1, .pp = 2, .dp = 1}); }

/// A fast and two slow cards of one machine, the fast one last on the bus but first in the pipeline.
spec::Plan mixed_cards() {
  return plan_on({{"rtx3060"}, {"rtx3060"}, {"rtx3090"}}, {.tp = 1, .pp = 3, .dp = 1}, {2, 0, 1});
}

spec::Plan two_nodes() { return plan_on({{"l4", 0}, {"l4", 0}, {"l4", 1}, {"l4", 1}}, {.tp = 2, .pp = 2, .dp = 1}); }

/// Three cards on one node and one on the other: no --nnodes for them.
spec::Plan unequal_nodes() {
  return plan_on({{"l4", 0}, {"l4", 0}, {"l4", 0}, {"l4", 1}}, {.tp = 1, .pp = 4, .dp = 1});
}

std::vector<spec::Plan> all_plans() {
  spec::Plan odd = mixed_cards();
  odd.model.name = "my models/it's; rm -rf $HOME `x`";
  return {two_cards(),
          mixed_cards(),
          two_nodes(),
          unequal_nodes(),
          odd,
          plan_on({{"l4", 0}, {"l4", 0}, {"l4", 1}, {"l4", 1}}, {.tp = 1, .pp = 2, .dp = 2}),
          plan_on({{"h100-sxm"}}, {.tp = 1, .pp = 1, .dp = 1})};
}

TEST(Emit, IsValidShellThatCanBeEvaluated) {
  for (const spec::Plan& plan : all_plans())
    for (const Emit kind : {Emit::shell, Emit::docker, Emit::sglang}) {
      const std::string text = emit(plan, kind);
      EXPECT_EQ(run_shell(text, "-n").status, 0) << text;
      for (const char* rank : {"0", "1"}) {
        const ShellRun run = run_shell(fake_programs() + "NODE_RANK=" + rank +
                                       " HEAD_ADDR=10.0.0.1 TEXT=" + shell_quoted(text) + "\neval \"$TEXT\"\n");
        EXPECT_EQ(run.status, 0) << text << run.out;
      }
    }
}

TEST(Emit, OfOneNodeIsTheLaunchLine) {
  EXPECT_EQ(emit(two_cards(), Emit::shell), shell_line(launch_line(two_cards())) + "\n");
}

TEST(Emit, SaysTheSameWordsAfterAShellHasReadIt) {
  for (const spec::Plan& plan : all_plans()) {
    if (nodes_by_rank(plan).size() > 1) continue;
    const spec::Launch launch = launch_line(plan);
    std::string expected;
    for (const auto& [name, value] : launch.env) expected += name + "=" + value + "\n";
    const ShellText shell = read_shell(launch.command);
    for (const std::string& word : shell.commands.front()) expected += word + "\n";
    EXPECT_EQ(run_shell(fake_programs() + emit(plan, Emit::shell)).out, expected);
  }
}

TEST(Emit, IsReadBackByTheServeLineReader) {
  for (const spec::Plan& plan : all_plans())
    for (const Emit kind : {Emit::shell, Emit::docker}) {
      const ServeLine line = read_serve_line(emit(plan, kind), "0.26");
      EXPECT_EQ(line.flags.at("--pipeline-parallel-size"), std::to_string(plan.parallel.pp));
      EXPECT_EQ(line.flags.at("--max-model-len"), std::to_string(plan.max_model_len));
      EXPECT_THAT(line.warnings, testing::IsEmpty());
      if (plan.parallel.pp > 1) {
        EXPECT_EQ(line.env.at("VLLM_PP_LAYER_PARTITION"), joined(plan.partition));
      }
    }
}

TEST(Emit, OrdersMixedCardsByTheBus) {
  EXPECT_THAT(emit(mixed_cards(), Emit::shell), StartsWith("CUDA_DEVICE_ORDER=PCI_BUS_ID CUDA_VISIBLE_DEVICES=2,0,1 "));
  EXPECT_THAT(emit(two_cards(), Emit::shell), Not(HasSubstr("CUDA_")));
  const spec::Plan second_pair = plan_on({{"l4"}, {"l4"}, {"l4"}, {"l4"}}, {.tp = 2, .pp = 1, .dp = 1}, {2, 3});
  EXPECT_THAT(emit(second_pair, Emit::shell), HasSubstr("CUDA_VISIBLE_DEVICES=2,3 "));
}

TEST(Emit, GivesContainersTheirCards) {
  EXPECT_THAT(emit(two_cards(), Emit::docker), HasSubstr("--gpus '\"device=0,1\"' --ipc=host -p 8000:8000 "));
  EXPECT_THAT(emit(two_cards(), Emit::docker), HasSubstr("--entrypoint vllm vllm/vllm-openai:v0.26.0 serve "));
  EXPECT_THAT(emit(mixed_cards(), Emit::docker), HasSubstr("-e CUDA_VISIBLE_DEVICES=2,0,1"));
  // Cards 3 and 1 are the container's 1 and 0.
  const spec::Plan crossed = plan_on({{"l4"}, {"l4"}, {"l4"}, {"l4"}}, {.tp = 1, .pp = 2, .dp = 1}, {3, 1});
  EXPECT_THAT(emit(crossed, Emit::docker), HasSubstr("device=1,3"));
  EXPECT_THAT(emit(crossed, Emit::docker), HasSubstr("-e CUDA_VISIBLE_DEVICES=1,0"));
}

std::string on_node(const spec::Plan& plan, Emit kind, int rank) {
  const std::string script = "HEAD_ADDR=10.0.0.1\nNODE_RANK=" + std::to_string(rank) + "\n";
  return run_shell(fake_programs() + script + emit(plan, kind)).out;
}

TEST(Emit, StartsEqualNodesByThemselves) {
  EXPECT_THAT(on_node(two_nodes(), Emit::shell, 0),
              HasSubstr("--nnodes\n2\n--node-rank\n0\n--master-addr\n10.0.0.1\n"));
  EXPECT_THAT(on_node(two_nodes(), Emit::shell, 0), Not(HasSubstr("--headless")));
  EXPECT_THAT(on_node(two_nodes(), Emit::shell, 1),
              HasSubstr("--nnodes\n2\n--node-rank\n1\n--master-addr\n10.0.0.1\n--headless\n"));
}

TEST(Emit, NeedsRayForUnequalNodesAndOldReleases) {
  EXPECT_THAT(on_node(unequal_nodes(), Emit::shell, 0),
              testing::AllOf(HasSubstr("ray\nstart\n--head\n--port=6379\n--num-gpus=3\n"),
                             HasSubstr("--distributed-executor-backend\nray\n")));
  EXPECT_THAT(on_node(unequal_nodes(), Emit::shell, 1),
              testing::AllOf(HasSubstr("--address=10.0.0.1:6379\n--block\n--num-gpus=1\n"), Not(HasSubstr("serve"))));
  spec::Plan old = two_nodes();
  old.provenance.vllm = "0.11";  // --nnodes came with 0.12
  EXPECT_THAT(on_node(old, Emit::shell, 1), HasSubstr("ray\nstart\n"));
}

TEST(Emit, GivesWholeReplicasToNodes) {
  const spec::Plan replicas = plan_on({{"l4", 0}, {"l4", 0}, {"l4", 1}, {"l4", 1}}, {.tp = 1, .pp = 2, .dp = 2});
  EXPECT_THAT(on_node(replicas, Emit::shell, 0), HasSubstr("--data-parallel-size-local\n1\n"));
  EXPECT_THAT(on_node(replicas, Emit::shell, 1), HasSubstr("--data-parallel-start-rank\n1\n--headless\n"));
}

TEST(Emit, RefusesRanksThatThePlanHasNot) {
  const ShellRun run = run_shell("HEAD_ADDR=a\nNODE_RANK=7\n" + emit(two_nodes(), Emit::shell));
  EXPECT_NE(run.status, 0);
  EXPECT_THAT(run.out, HasSubstr("expected 0 to 1"));
}

/// Blocks of YAML: no tabs, even indents, a key or an item on every line, known kinds.
TEST(Emit, WritesManifestsOfPlainYaml) {
  for (const spec::Plan& plan : all_plans()) {
    const std::string text = emit(plan, Emit::k8s);
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with('#') || line == "---") continue;
      EXPECT_EQ(line.find('\t'), std::string::npos) << line;
      EXPECT_EQ(line.find_first_not_of(' ') % 2, 0U) << line;
      EXPECT_THAT(line, ContainsRegex("^ *(- )?([A-Za-z./]+:( .*)?|\".*\")$")) << line;
    }
    EXPECT_THAT(text, HasSubstr("image: vllm/vllm-openai:v0.26.0\n"));
    EXPECT_THAT(text, HasSubstr("kind: Service\n"));
  }
  EXPECT_THAT(emit(two_cards(), Emit::k8s), HasSubstr("kind: Deployment\n"));
  EXPECT_THAT(emit(two_cards(), Emit::k8s), HasSubstr("nvidia.com/gpu: \"2\"\n"));
  EXPECT_THAT(emit(unequal_nodes(), Emit::k8s), HasSubstr("nvidia.com/gpu: \"3\"\n"));
  EXPECT_THAT(emit(mixed_cards(), Emit::k8s), StartsWith("# The plan needs its cards in a certain order"));
}

TEST(Emit, TranslatesForSglang) {
  const std::string text = emit(two_cards(), Emit::sglang);
  EXPECT_THAT(text, HasSubstr("\nSGLANG_PP_LAYER_PARTITION=17,15 python -m sglang.launch_server --model-path "));
  EXPECT_THAT(text, HasSubstr("--pp-size 2 --tp-size 1 --context-length 8192 --chunked-prefill-size 2048"));
  EXPECT_THAT(on_node(two_nodes(), Emit::sglang, 1), HasSubstr("--node-rank\n1\n--dist-init-addr\n10.0.0.1:20000\n"));
}

TEST(Emit, KnowsItsKinds) {
  for (const char* name : {"shell", "docker", "k8s", "sglang"}) EXPECT_TRUE(emit_kind(name)) << name;
  EXPECT_FALSE(emit_kind("bash"));
}

TEST(VisibleDevices, AreCountedWithinTheirNode) {
  const spec::Plan plan =
      plan_on({{"l4", 0}, {"l4", 1}, {"l4", 0}, {"l4", 1}}, {.tp = 1, .pp = 4, .dp = 1}, {3, 0, 2, 1});
  EXPECT_EQ(visible_devices(plan, 0), (std::vector<int>{0, 1}));
  EXPECT_EQ(visible_devices(plan, 1), (std::vector<int>{1, 0}));
  EXPECT_EQ(nodes_by_rank(plan), (std::vector<int>{1, 0}));
}

}  // namespace
}  // namespace ppplan::engines
