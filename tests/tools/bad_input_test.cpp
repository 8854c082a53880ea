// Bad input ends with status 2, an empty standard output, and one sentence that names the place.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/tools/command.h"

namespace ppplan::tests {
namespace {

using testing::HasSubstr;

struct Case {
  const char* name;
  const char* arguments;
  const char* says;  // part of the sentence
};

class BadInput : public testing::TestWithParam<Case> {};

TEST_P(BadInput, IsOneSentenceThatNamesThePlace) {
  const Outcome outcome = ppplan(GetParam().arguments);
  EXPECT_EQ(outcome.status, 2) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, HasSubstr(GetParam().says));
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
}

INSTANTIATE_TEST_SUITE_P(
    Flags, BadInput,
    testing::Values(
        Case{"NoCommand", "", "subcommand"}, Case{"UnknownCommand", "serach --model tiny", "ppplan"},
        Case{"UnknownFlag", "search --model tiny --gpuz 2", "unknown flag --gpuz (did you mean --gpus?)"},
        Case{"UnknownFlagWhereOneIsMissing", "search --modle tiny --gpus 2",
             "unknown flag --modle (did you mean --model?)"},
        Case{"ModelWithoutItsB", "search --model llama70 --gpus 8", "llama70b"},
        Case{"UnknownModel", "search --model llama7ob --gpus 8", "llama70b"},
        Case{"UnknownGpu", "search --model tiny --gpus 2 --gpu h100sxm", "h100-sxm"},
        Case{"UnknownGpuInList", "search --model tiny --gpus 2xrtx4091", "rtx4090"},
        Case{"NoGpus", "search --model tiny --gpus 0", "--gpus"},
        Case{"NegativeGpus", "search --model tiny --gpus=-2", "--gpus"},
        Case{"TooManyGpus", "search --model tiny --gpus 99999999999", "--gpus"},
        Case{"ZeroOfAKind", "search --model tiny --gpus 0xh100-sxm", "--gpus"},
        Case{"ZeroTp", "search --model tiny --gpus 2 --tp 0", "--tp"},
        Case{"NegativePp", "search --model tiny --gpus 2 --pp=-1", "--pp"},
        Case{"ZeroPrompt", "search --model tiny --gpus 2 --isl 0", "--isl"},
        Case{"ZeroConcurrency", "search --model tiny --gpus 2 --concurrency 0", "--concurrency"},
        Case{"ZeroTop", "search --model tiny --gpus 2 --top 0", "--top"},
        Case{"PartitionTooLong", "search --model tiny --gpus 2 --pp 2 --partition 4,2,2", "--partition"},
        Case{"PartitionWrongSum", "search --model tiny --gpus 2 --pp 2 --partition 4,3", "--partition"},
        Case{"PartitionBelowOne", "search --model tiny --gpus 2 --pp 2 --partition 8,0", "--partition"},
        Case{"PartitionNoNumber", "search --model tiny --gpus 2 --pp 2 --partition 4,four", "--partition"},
        Case{"UnknownGoal", "search --model tiny --gpus 2 --goal speed", "throughput"},
        Case{"Utilization", "search --model tiny --gpus 2 --gpu-memory-utilization 1.5", "--gpu-memory-utilization"},
        Case{"UnknownDtype", "search --model tiny --gpus 2 --dtype bf61", "bf16"},
        Case{"UnevenNodes", "search --model tiny --gpus 3 --nodes 2", "--nodes"},
        Case{"BadGpuSpec", "search --model tiny --gpus 1xmine --gpu-spec mine:mem=24", "--gpu-spec"},
        Case{"AnotherMethod", "check --gpus 1 --gpu l4 -- vllm serve Qwen/Qwen3-8B-AWQ --quantization bitsandbytes",
             "expected awq, which the checkpoint is in"},
        Case{"ModelThatIsGone", "check --gpus 1 --vllm 0.28 --model llama-3.2-11b-vision", "--vllm"},
        Case{"LineWithoutDashes", "check vllm serve Qwen/Qwen3-8B -tp 2 -pp 2", "put -- before"},
        Case{"FolderOfAnotherMachine", "check --gpus 2 -- vllm serve ./Qwen/Qwen3-8B", "--model ID"},
        Case{"MissingPlan", "run --plan nowhere.json", "nowhere.json"},
        Case{"PlanIsAFolder", "run --plan /tmp", "/tmp"},
        Case{"MissingProfile", "search --model tiny --gpus 2 --profile nowhere.json", "nowhere.json"},
        Case{"UnknownPhase", "simulate --plan nowhere.json --phase train", "nowhere.json"},
        Case{"SimulateNothing", "simulate", "--plan"},
        Case{"UnknownKind", "schedule --kind 1f1 --stages 4 --micro-batches 8", "1f1b"},
        Case{"NoRanks", "schedule --kind 1f1b --stages 0 --micro-batches 8", "--stages"},
        Case{"NoMicroBatches", "schedule --kind 1f1b --stages 4 --micro-batches 0", "micro-batches"},
        Case{"TooFewForDualPipe", "schedule --kind dualpipe --stages 4 --micro-batches 6", "at least 8"},
        Case{"ChunksOfAV", "schedule --kind zbv-torch --stages 4 --micro-batches 8 --chunks 3", "2 chunks"},
        Case{"CostsOfTooFewStages", "schedule --kind gpipe --stages 4 --micro-batches 8 --forward 1,2", "--forward"},
        Case{"NegativeCost", "schedule --kind gpipe --stages 2 --micro-batches 8 --weight=-1",
             "--weight: expected a finite number of at least 0, found -1"},
        Case{"InfiniteCost", "schedule --kind auto --stages 2 --micro-batches 8 --forward inf", "--forward: expected"},
        Case{"NegativeCostOfOneStage", "schedule --kind zb-auto --stages 2 --micro-batches 8 --backward 1,-1",
             "--backward: number 2 of 2 (stage 1): expected a finite number of at least 0, found -1"},
        Case{"NegativeActivations", "schedule --kind 1f1b --stages 2 --micro-batches 8 --activation-bytes=-1",
             "--activation-bytes: expected"},
        Case{"ReleasedMoreThanAll", "schedule --kind 1f1b --stages 2 --micro-batches 8 --release-at-input 2",
             "--release-at-input: expected a fraction from 0 to 1"},
        Case{"OverlapCostsNothing", "schedule --kind dualpipe --stages 2 --micro-batches 8 --overlap-cost 0",
             "--overlap-cost: expected a finite number above 0"},
        Case{"LimitBelowOneMicroBatch", "schedule --kind 1f1b --stages 2 --micro-batches 8 --memory-limit 0.5",
             "the activations of one micro-batch"},
        Case{"LimitOfASearchBelowOne", "schedule --kind zb-v --stages 2 --micro-batches 8 --memory-limit 2,1.9",
             "memory limit of rank 1"},
        Case{"LimitOfAutoBelowOne", "schedule --kind auto --stages 2 --micro-batches 8 --memory-limit 0.5",
             "memory limit of rank 0"},
        Case{"LimitIsNoNumber", "schedule --kind auto --stages 2 --micro-batches 8 --memory-limit nan",
             "memory limit of rank 0"},
        Case{"TooFewForDualPipeV", "schedule --kind dualpipev --stages 4 --micro-batches 7", "at least 8"},
        Case{"OddForDualPipe", "schedule --kind dualpipe --stages 4 --micro-batches 9", "an even number"},
        Case{"OddRanksOfDualPipe", "schedule --kind dualpipe --stages 3 --micro-batches 12", "an even number of ranks"},
        Case{"GroupBelowTheRanks", "schedule --kind interleaved --stages 4 --micro-batches 8 --group-size 2",
             "at least 4"},
        Case{"OneBufferForAPair", "schedule --kind dualpipe --stages 4 --micro-batches 8 --receive-buffers 1",
             "receive_buffers"},
        Case{"TimeLimitIsNoNumber", "schedule --kind auto --stages 2 --micro-batches 8 --time-limit nan",
             "--time-limit"},
        Case{"MoreThanAMachineHolds", "schedule --kind 1f1b --stages 4 --micro-batches 999999999", "--micro-batches"},
        Case{"CostIsNoNumber", "schedule --kind gpipe --stages 2 --micro-batches 8 --comm nan", "--comm: expected"},
        Case{"NoBuffers", "schedule --kind gpipe --stages 2 --micro-batches 8 --receive-buffers 0",
             "--receive-buffers"},
        Case{"UnknownList", "list model", "models"}, Case{"ProfileWithoutModel", "profile", "--model"}),
    [](const auto& info) { return std::string(info.param.name); });

/// A file with that text, for one command.
std::string file_with(const std::string& name, const std::string& text) {
  const std::string path = scratch(name);
  std::ofstream(path) << text;
  return path;
}

TEST(BadFile, ATruncatedPlanNamesFileAndPosition) {
  const std::string plan = scratch("whole.json");
  ASSERT_EQ(ppplan("search --model llama8b --gpus 2 --out " + plan).status, 0);
  std::ifstream in(plan);
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  const std::string cut = file_with("cut.json", text.substr(0, text.size() / 2));
  const Outcome outcome = ppplan("run --plan " + cut);
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, HasSubstr("cut.json"));
  EXPECT_THAT(outcome.err, HasSubstr("line"));
}

TEST(BadFile, AConfigOfTheWrongTypeNamesTheField) {
  const std::string config = file_with("config.json", R"({"architectures":["LlamaForCausalLM"],"hidden_size":"big"})");
  const Outcome outcome = ppplan("search --gpus 2 --model " + config);
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.err, HasSubstr("hidden_size"));
}

TEST(BadFile, ANegativeCostInAProfileNamesItsPlace) {
  const std::string profile = file_with(
      "negative.json",
      R"({"format":"ppplan/profile/1","engine":"ppplan 0.1","device":"cpu-core","machine":{},"links":[],"operations":[)"
      R"({"op":"layer","dtype":"fp32","shape":{"hidden":384},"tp":1,"tokens":16,"batch":1,"kv_tokens":0,"median_s":-1,)"
      R"("p10_s":1,"p90_s":1,"repeats":3}]})");
  const Outcome outcome = ppplan("search --model tiny --gpus 2xcpu-core --profile " + profile);
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.err, HasSubstr("/operations/0/median_s"));
}

TEST(BadFile, DevicesThatCannotReachEachOtherAreNamed) {
  const std::string cluster =
      file_with("islands.json",
                R"({"format":"ppplan/cluster/1","links":[{"name":"a","kind":"nvlink","bandwidth_bytes_per_s":1e11},)"
                R"({"name":"b","kind":"nvlink","bandwidth_bytes_per_s":1e11}],"devices":[)"
                R"({"name":"h100-sxm","node":0,"memory_bytes":85899345920,"paths":[{"meets":"x","links":["a"]}]},)"
                R"({"name":"h100-sxm","node":0,"memory_bytes":85899345920,"paths":[{"meets":"y","links":["b"]}]}]})");
  const Outcome outcome = ppplan("search --model tiny --cluster " + cluster);
  EXPECT_EQ(outcome.status, 2) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("islands.json"));
}

}  // namespace
}  // namespace ppplan::tests
