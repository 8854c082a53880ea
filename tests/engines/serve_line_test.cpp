#include "planner/engines/serve_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "planner/catalog/catalog.h"
#include "planner/engines/shell_text.h"
#include "planner/engines/vllm_flags.h"
#include "planner/engines/vllm_rules.h"
#include "planner/input/input_error.h"

namespace ppplan::engines {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Flags = std::map<std::string, std::string>;

ServeLine read(const std::string& text, const std::string& version = "0.26") { return read_serve_line(text, version); }

TEST(ServeLine, ReadsAliasesEqualSignsAndUnderscores) {
  const ServeLine line = read(
      "VLLM_PP_LAYER_PARTITION=9,7 CUDA_VISIBLE_DEVICES=0,1 vllm serve org/model -pp 2 -tp=1 "
      "--max_num_seqs 64 --max-model-len=32K --gpu-memory-utilization 0.95 --enforce-eager");
  EXPECT_EQ(line.launcher, "vllm serve");
  EXPECT_EQ(line.model, "org/model");
  EXPECT_EQ(line.env, (Flags{{"VLLM_PP_LAYER_PARTITION", "9,7"}, {"CUDA_VISIBLE_DEVICES", "0,1"}}));
  EXPECT_EQ(line.flags, (Flags{{"--pipeline-parallel-size", "2"},
                               {"--tensor-parallel-size", "1"},
                               {"--max-num-seqs", "64"},
                               {"--max-model-len", "32768"},
                               {"--gpu-memory-utilization", "0.95"},
                               {"--enforce-eager", "true"}}));
  EXPECT_THAT(line.not_modelled, IsEmpty());
  EXPECT_THAT(line.warnings, IsEmpty());
}

TEST(ServeLine, ReadsTheModuleWithVariablesAndContinuedLines) {
  const ServeLine line = read(
      "#!/bin/bash\nexport VLLM_USE_V1=0\nMODEL=/data/my-model\n"
      "python3 -m vllm.entrypoints.openai.api_server \\\n  --model $MODEL \\\n  --port 8000 \\\n  "
      "--tensor-parallel-size "
      "4\n",
      "0.8.5");
  EXPECT_EQ(line.launcher, "python -m vllm.entrypoints.openai.api_server");
  EXPECT_EQ(line.model, "/data/my-model");
  EXPECT_EQ(line.env.at("VLLM_USE_V1"), "0");
  EXPECT_EQ(line.flags.at("--tensor-parallel-size"), "4");
  EXPECT_THAT(line.not_modelled, ElementsAre("--port 8000"));
}

TEST(ServeLine, ReadsContainers) {
  const ServeLine line = read(
      "docker run --rm -it --gpus '\"device=2,3\"' --ipc=host -v ~/.cache:/root/.cache -p 8000:8000 "
      "-e HF_TOKEN=x --env VLLM_PP_LAYER_PARTITION=20,12 vllm/vllm-openai:v0.10.0 --model org/m -pp 2");
  EXPECT_EQ(line.launcher, "docker");
  EXPECT_EQ(line.image, "vllm/vllm-openai:v0.10.0");
  EXPECT_EQ(image_version(line.image), "0.10.0");
  EXPECT_EQ(line.model, "org/m");
  EXPECT_EQ(line.env.at("NVIDIA_VISIBLE_DEVICES"), "2,3");
  EXPECT_EQ(line.env.at("VLLM_PP_LAYER_PARTITION"), "20,12");
  EXPECT_EQ(line.flags, (Flags{{"--pipeline-parallel-size", "2"}}));
  EXPECT_EQ(read("podman run --gpus all --entrypoint vllm img:latest serve org/m -tp 2").model, "org/m");
}

TEST(ServeLine, ReadsSwitchesBothWays) {
  EXPECT_EQ(read("vllm serve m --no-enable-chunked-prefill").flags.at("--enable-chunked-prefill"), "false");
  EXPECT_EQ(read("vllm serve m --enable-chunked-prefill").flags.at("--enable-chunked-prefill"), "true");
  EXPECT_EQ(read("vllm serve m --enable-chunked-prefill False", "0.6.3").flags.at("--enable-chunked-prefill"), "false");
  EXPECT_EQ(read("vllm serve m --enable-chunked-prefill=False", "0.6.3").flags.at("--enable-chunked-prefill"), "false");
  EXPECT_THAT(read("vllm serve m --no-enforce-eager", "0.8.5").warnings, ElementsAre(HasSubstr("no --no- form")));
}

TEST(ServeLine, TellsFlagsThatTheReleaseLacks) {
  EXPECT_THAT(read("vllm serve m --swap-space 4", "0.26").warnings,
              ElementsAre("vLLM 0.26 has no --swap-space: its last release with it is 0.17"));
  EXPECT_THAT(read("vllm serve m --swap-space 4", "0.17.1").warnings, IsEmpty());
  EXPECT_THAT(read("vllm serve m --nnodes 2", "0.11.0").warnings,
              ElementsAre("vLLM 0.11.0 has no --nnodes: it came with 0.12"));
  EXPECT_THAT(read("vllm serve m --max-num-partial-prefills 2", "0.28").warnings, ElementsAre(HasSubstr("0.26")));
  EXPECT_THAT(read("vllm serve m --use-v2-block-manager", "0.10.0").warnings, ElementsAre(HasSubstr("0.9.2")));
}

TEST(ServeLine, NamesTheNearestKnownFlag) {
  EXPECT_THAT(read("vllm serve m --max-num-sequence 3").warnings,
              ElementsAre("unknown flag --max-num-sequence (did you mean --max-num-seqs?)"));
  EXPECT_THAT(read("vllm serve m --tensor-parallel 2").warnings,
              ElementsAre("--tensor-parallel is read as --tensor-parallel-size"));
}

TEST(ServeLine, ListsWhatIsNotModelled) {
  const ServeLine line = read(
      "vllm serve m --speculative-config '{\"method\": \"ngram\"}' --speculative-config.tokens 3 "
      "--trust-remote-code --served-model-name a b -pp 2");
  EXPECT_THAT(line.not_modelled,
              ElementsAre("--speculative-config {\"method\": \"ngram\"}", "--speculative-config.tokens 3",
                          "--trust-remote-code", "--served-model-name a"));
  EXPECT_EQ(line.flags.at("--pipeline-parallel-size"), "2");
}

TEST(ServeLine, JoinsMembersOfAFlagThatTakesJson) {
  const auto config = [](const std::string& words) {
    return read("vllm serve m " + words).flags.at("--compilation-config");
  };
  EXPECT_EQ(read("vllm serve m -O3 -cc.level 2").flags.at("--optimization-level"), "3");
  EXPECT_EQ(config("-O.cudagraph_mode=NONE"), R"({"cudagraph_mode":"NONE"})");
  EXPECT_EQ(config("-cc.level 0 --compilation-config.cudagraph-mode FULL"), R"({"level":0,"cudagraph_mode":"FULL"})");
  EXPECT_EQ(read("vllm serve m --speculative-config.method=mtp").flags.at("--speculative-config"),
            R"({"method":"mtp"})");
  EXPECT_EQ(config(R"(-cc '{"level": 3}' -cc.cudagraph_capture_sizes '[1, 8]')"),
            R"({"level":3,"cudagraph_capture_sizes":[1,8]})");
}

TEST(ServeLine, ReadsHumanNumbers) {
  EXPECT_EQ(human_readable_int("4096"), 4096);
  EXPECT_EQ(human_readable_int("32k"), 32000);
  EXPECT_EQ(human_readable_int("32K"), 32768);
  EXPECT_EQ(human_readable_int("25.6k"), 25600);
  EXPECT_EQ(human_readable_int("2G"), std::int64_t{2} << 30);
  EXPECT_EQ(human_readable_int("-1"), -1);
  for (const char* text : {"", "-", "k", "1.5K", "1.5", "1.k", ".5k", "1kk", "0x10", "1e3", "9999999999999999999"})
    EXPECT_EQ(human_readable_int(text), std::nullopt) << text;
  EXPECT_EQ(read("vllm serve m --max-model-len auto").flags.at("--max-model-len"), "auto");
  EXPECT_EQ(read("vllm serve m --max-model-len -1").flags.at("--max-model-len"), "auto");
}

TEST(ServeLine, RefusesWhatVllmWouldRefuse) {
  EXPECT_THROW(read("vllm serve m -tp two"), input::InputError);
  EXPECT_THROW(read("vllm serve m -pp 0"), input::InputError);
  EXPECT_THROW(read("vllm serve m --gpu-memory-utilization 1.2"), input::InputError);
  EXPECT_THROW(read("vllm serve --port 8000"), input::InputError);
  EXPECT_THROW(read("vllm bench serve"), input::InputError);
  EXPECT_THROW(read(""), input::InputError);
  EXPECT_THROW(read("vllm serve m", "newest"), input::InputError);
}

TEST(ServeLine, TakesTheLastOfTwo) {
  const ServeLine line = read("vllm serve m -tp 2 --tensor-parallel-size 4");
  EXPECT_EQ(line.flags.at("--tensor-parallel-size"), "4");
  EXPECT_THAT(line.warnings, ElementsAre(HasSubstr("given twice")));
}

TEST(VllmFlags, AreReadFromTheTableWithoutTwins) {
  const auto rows = catalog::vllm_flags().root().at("flags").items();
  ASSERT_GT(rows.size(), 300U);
  std::vector<std::string> names;
  for (const auto& row : rows) {
    names.push_back(row.at("name").text());
    ASSERT_NE(find_flag(names.back()), nullptr);
    EXPECT_EQ(find_flag(names.back())->name, names.back());
  }
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
}

/// A random value that the flag takes.
std::string random_value(const VllmFlag& flag, std::mt19937& random) {
  static const std::vector<std::string> texts = {"a", "{\"k\": [1, 2]}", "x y", "it's", "/p/q", "a=b", "$HOME", "-1"};
  if (flag.name == "--gpu-memory-utilization") return "0.5";
  if (flag.modelled) return std::to_string(1 + random() % 100);
  return texts[random() % texts.size()];
}

TEST(ServeLine, RoundTripsRandomFlags) {
  std::mt19937 random(11);
  const std::string version = newest_vllm();
  const auto rows = catalog::vllm_flags().root().at("flags").items();
  for (int round = 0; round < 500; ++round) {
    Flags expected;
    std::string text = "A=1 B='x y' vllm serve 'org/my model'";
    for (std::size_t k = random() % 12; k > 0; --k) {
      const VllmFlag& flag = *find_flag(rows[random() % rows.size()].at("name").text());
      if (!has_flag(version, flag) || flag.name == "--model" || expected.contains(flag.name)) continue;
      std::string spelled = flag.aliases.empty() || random() % 2 == 0 ? flag.name : flag.aliases.front();
      if (spelled == "-O") spelled = flag.name;
      if (spelled.starts_with("--") && random() % 4 == 0) std::replace(spelled.begin() + 2, spelled.end(), '-', '_');
      if (flag.takes == FlagTakes::none) {
        const bool denied = has_no_form(version, flag) && random() % 2 == 0;
        expected[flag.name] = denied ? "false" : "true";
        text += " " + (denied ? "--no-" + flag.name.substr(2) : spelled);
      } else {
        expected[flag.name] = random_value(flag, random);
        text += " " + spelled + (random() % 2 == 0 ? "=" : " ") + shell_quoted(expected[flag.name]);
      }
    }
    const ServeLine line = read(text, version);
    EXPECT_EQ(line.flags, expected) << text;
    EXPECT_EQ(line.model, "org/my model");
    EXPECT_EQ(line.env, (Flags{{"A", "1"}, {"B", "x y"}}));
    EXPECT_THAT(line.warnings, IsEmpty()) << text;
  }
}

TEST(ServeLine, SurvivesMutations) {
  std::mt19937 random(13);
  const std::vector<std::string> seeds = {
      "A=1 vllm serve org/m -pp 2 -tp=4 --max-model-len 32k --no-enable-chunked-prefill --api-key a b",
      "docker run --gpus '\"device=0,1\"' -e A=b -p 8:8 vllm/vllm-openai:v0.9.1 --model m -O3 --max_num_seqs=8",
      "export X=y\npython -m vllm.entrypoints.openai.api_server --model $X \\\n --swap-space 4 --kv-cache-dtype fp8"};
  const std::string alphabet = "-= '\"\\$\n_.k19am{}";
  for (int round = 0; round < 1000; ++round) {
    std::string text = seeds[random() % seeds.size()];
    for (std::size_t edits = 1 + random() % 6; edits > 0 && !text.empty(); --edits) {
      const std::size_t at = random() % text.size();
      if (random() % 3 == 0)
        text.erase(at, 1 + random() % 5);
      else if (random() % 2 == 0)
        text[at] = alphabet[random() % alphabet.size()];
      else
        text.insert(at, text.substr(random() % text.size(), random() % 9));
    }
    try {
      read(text, round % 2 == 0 ? "0.26" : "0.6.3");
    } catch (const input::InputError&) {
    }
  }
}

}  // namespace
}  // namespace ppplan::engines
