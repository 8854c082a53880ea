#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>

#include "planner/input/document.h"
#include "planner/input/input_error.h"
#include "tests/traces/profile_mutation.h"
#include "traces/import/csv_table.h"
#include "traces/import/import_profile.h"
#include "traces/operation_times.h"
#include "traces/profile_json.h"

namespace ppplan::traces {
namespace {

using input::InputError;
using testing::AllOf;
using testing::HasSubstr;

/// A folder of its own for each test, gone with it.
class ProfileImport : public testing::Test {
 protected:
  ProfileImport() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::temp_directory_path() / (std::string("ppplan_import_") + info->name());
    std::filesystem::create_directories(folder_);
  }
  ~ProfileImport() override { std::filesystem::remove_all(folder_); }

  std::string file(const std::string& name, const std::string& text) const {
    const std::string path = (folder_ / name).string();
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  std::string complaint(const std::string& format, const std::string& text) const {
    try {
      import_profile(format, {file("table.csv", text)}, {});
    } catch (const InputError& error) {
      return error.what();
    }
    return "none";
  }

  std::filesystem::path folder_;
};

const std::string header = "op,tokens,batch,kv_tokens,tp,seconds\n";

TEST_F(ProfileImport, ReadsMeasuredOperations) {
  ImportOptions options;
  options.device = "l4";
  options.engine = "vllm 0.14.0";
  const Profile profile = import_profile(
      "csv", {file("a.csv", header + "layer,128,1,0,1,0.002\nlayer,1,8,512,1,5e-4\nhead,1,8,0,2,1e-3\n")}, options);
  EXPECT_EQ(profile.device, "l4");
  EXPECT_EQ(profile.engine, "vllm 0.14.0");
  ASSERT_EQ(profile.operations.size(), 3u);
  EXPECT_EQ(profile.operations[1].batch, 8);
  EXPECT_EQ(profile.operations[1].kv_tokens, 512);
  EXPECT_EQ(profile.operations[2].tp, 2);
  EXPECT_EQ(profile.sources.at(0).name, "a.csv");
  // Without dimensions in the table a row answers for any layer.
  const auto time = OperationTimes(profile).operation({"layer", "bf16", {{"hidden", 4096}}, 1, 128, 1, 0});
  EXPECT_EQ(time.value().seconds, 0.002);
}

TEST_F(ProfileImport, FurtherColumnsAreDimensions) {
  const Profile profile = import_profile(
      "csv", {file("a.csv", "hidden,op,tokens,batch,kv_tokens,tp,seconds,dtype\r\n4096,layer,1,1,0,1,0.5,fp8\r\n")},
      {});
  EXPECT_EQ(profile.operations.at(0).shape, (Shape{{"hidden", 4096}}));
  EXPECT_EQ(profile.operations.at(0).dtype, "fp8");
}

TEST_F(ProfileImport, NamesFileLineAndColumnOfWhatIsWrong) {
  const auto row = [](const std::string& text) { return header + "layer,1,1,0,1,0.5\n" + text; };
  EXPECT_THAT(complaint("csv", "op,tokens,batch,kv_tokens,tp\nlayer,1,1,0,1\n"),
              AllOf(HasSubstr("table.csv"), HasSubstr("'seconds'")));
  for (const char* seconds : {"nan", "NaN", "inf", "-0.5", "0", "", "fast", "0.5s", "1e999"})
    EXPECT_THAT(complaint("csv", row(std::string("layer,1,1,0,1,") + seconds + "\n")),
                AllOf(HasSubstr("table.csv"), HasSubstr("line 3"), HasSubstr("'seconds'")))
        << seconds;
  EXPECT_THAT(complaint("csv", row("layer,0,1,0,1,0.5\n")), AllOf(HasSubstr("line 3"), HasSubstr("'tokens'")));
  EXPECT_THAT(complaint("csv", row("layer,1,0,0,1,0.5\n")), HasSubstr("'batch'"));
  EXPECT_THAT(complaint("csv", row("layer,1,1,-1,1,0.5\n")), HasSubstr("'kv_tokens'"));
  EXPECT_THAT(complaint("csv", row("layer,1.5,1,0,1,0.5\n")), HasSubstr("'tokens'"));
  EXPECT_THAT(complaint("csv", row(",1,1,0,1,0.5\n")), HasSubstr("'op'"));
}

TEST_F(ProfileImport, RefusesWhatIsNoTable) {
  EXPECT_THAT(complaint("csv", ""), HasSubstr("empty"));
  EXPECT_THAT(complaint("csv", header), HasSubstr("rows"));
  EXPECT_THAT(complaint("csv", header + "layer,1,1,0,1,0.5\nlayer,1,1"),
              AllOf(HasSubstr("line 3"), HasSubstr("6 fields")));
  EXPECT_THAT(complaint("csv", header + "layer,1,1,0,1,0.5\n\nlayer,1,1,0,1,0.5\n"), HasSubstr("line 3"));
  EXPECT_THAT(complaint("csv", "op,op\n1,2\n"), HasSubstr("twice"));
  EXPECT_THROW(import_profile("csv", {"no/such/file.csv"}, {}), InputError);
  EXPECT_THROW(import_profile("csv", {folder_.string() + "/none"}, {}), InputError);
  EXPECT_THROW(import_profile("csv", {}, {}), InputError);
  EXPECT_THROW(import_profile("xml", {file("a.csv", header)}, {}), InputError);
}

/// Bytes changed, cut out or doubled: a profile that is written and read again, or an InputError, nothing else.
TEST_F(ProfileImport, SurvivesMutations) {
  std::string text = header;
  for (int tokens = 1; tokens < 40; ++tokens)
    text += "layer," + std::to_string(tokens) + ",1,0,1,0.00" + std::to_string(tokens) + "\n";
  std::mt19937 random(11);
  int refused = 0;
  for (int i = 0; i < 3000; ++i) {
    const std::string damaged = tests::mutated(text, "0123456789-.e,\n", random);
    try {
      CsvTable table(damaged, "damaged.csv");
      for (std::size_t row = 0; row < table.rows(); ++row) {
        EXPECT_GT(table.positive(row, table.column("seconds")), 0);
        EXPECT_GE(table.whole(row, table.column("tokens"), 1), 1);
      }
    } catch (const InputError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 300);
}

std::string vidur_network() {
  std::string text = ",time_stats.send_recv.median,num_workers,size,collective,devices_per_node\n";
  int index = 0;
  for (int node = 1; node <= 2; ++node)
    for (int size = 1; size <= 400; ++size)
      // 10 us and 10 GB/s inside a node, twice that between nodes; milliseconds.
      text += std::to_string(index++) + "," + std::to_string((node == 1 ? 2 : 1) * (0.01 + size * 8192 / 10e9 * 1e3)) +
              ",2," + std::to_string(size * 8192) + ",send_recv," + std::to_string(node) + "\n";
  return text;
}

TEST_F(ProfileImport, ThinsVidurMessagesByLink) {
  const Profile profile = import_profile("vidur", {file("n.csv", vidur_network())}, {});
  EXPECT_LT(profile.links.size(), 100u);
  const OperationTimes times(profile);
  for (double bytes : {8192.0, 1e5, 1e6, 3.2e6}) {
    EXPECT_NEAR(times.link("send_recv", "nvlink", 2, bytes)->seconds, 1e-5 + bytes / 10e9,
                0.03 * (1e-5 + bytes / 10e9));
    EXPECT_NEAR(times.link("send_recv", "network", 2, bytes)->seconds, 2e-5 + bytes / 5e9, 0.03 * (2e-5 + bytes / 5e9));
  }
  for (const HeldOutError& error : profile.errors) EXPECT_LT(error.p90, 0.05);
  EXPECT_EQ(profile.sources.at(0).licence, "MIT");
  EXPECT_EQ(profile.sources.at(0).commit, "");  // not a file that is known
}

TEST_F(ProfileImport, SumsLayersOfLlmServingSim) {
  std::string text = "layer_name,input,kv_cache,tp_size,latency(ns)\n";
  const char* parts[] = {"input_layernorm", "q_proj",         "k_proj",    "v_proj",  "rope",   "attn",
                         "o_proj",          "post_layernorm", "gate_proj", "up_proj", "act_fn", "down_proj"};
  for (int tokens : {1, 2, 4})
    for (const char* part : parts)
      text += std::string(part) + "," + std::to_string(tokens) + ",0,1," + std::to_string(1000 * tokens) + "\n";
  const Profile profile = import_profile("llmservingsim", {file("l.csv", text)}, {});
  ASSERT_EQ(profile.operations.size(), 3u);
  EXPECT_NEAR(profile.operations[1].median_s, 12 * 2e-6, 1e-12);  // twelve parts of 2,000 ns
  // A size that lacks a part is a gap, not a faster layer.
  EXPECT_THAT(complaint("llmservingsim", text.substr(0, text.rfind("down_proj"))), HasSubstr("all 12 operations"));
}

/// A law that the roofline alone doesn't know: half the speed wherever n is not a multiple of 1024.
double gemm_s(double m, double n, double k) {
  const double roofline = 3e-6 + std::max(2 * m * n * k / 500e12, 2 * (m * k + k * n + m * n) / 2e12);
  return std::fmod(n, 1024) == 0 ? roofline : 2 * roofline;
}

std::string gemm_table(const std::string& device = "NVIDIA H100 80GB HBM3") {
  std::string text = "framework,version,device,gemm_dtype,m,n,k,latency\n";
  for (int m = 1; m <= 4096; m *= 2)
    for (int n : {512, 1024, 1536, 2048, 2560, 4096, 5120, 8192})
      for (int k : {512, 1024, 2048, 4096, 8192})
        text += "VLLM,0.14.0," + device + ",bfloat16," + std::to_string(m) + "," + std::to_string(n) + "," +
                std::to_string(k) + "," + std::to_string(1e3 * gemm_s(m, n, k)) + "\n";
  return text;
}

TEST_F(ProfileImport, FitsGemmsOfAnyShape) {
  ImportOptions options;
  options.device = "h100-sxm";
  const Profile profile = import_profile("aiconfigurator", {file("gemm.csv", gemm_table())}, options);
  EXPECT_EQ(profile.engine, "vllm 0.14.0");
  ASSERT_EQ(profile.fits.size(), 1u);
  EXPECT_EQ(profile.fits[0].multiprocessors, 132);
  ASSERT_EQ(profile.errors.size(), 4u);  // rows and shapes, all and n, k >= 512
  EXPECT_LT(profile.errors[0].median, 0.05);
  EXPECT_LT(profile.fits[0].relative_error, 0.3);
  const OperationTimes times(profile);
  for (int n : {1024, 1536, 4096}) {
    const auto time = times.operation({"gemm", "bf16", {{"n", n}, {"k", 3000}}, 1, 700, 1, 0});
    EXPECT_NEAR(time->seconds / gemm_s(700, n, 3000), 1, 0.3);  // between the measured sizes
    EXPECT_FALSE(time->outside);
  }
  EXPECT_FALSE(times.operation({"gemm", "fp8", {{"n", 1024}, {"k", 1024}}, 1, 8, 1, 0}));
}

TEST_F(ProfileImport, IsReproducible) {
  const std::string path = file("gemm.csv", gemm_table());
  EXPECT_EQ(to_text(import_profile("aiconfigurator", {path}, {})),
            to_text(import_profile("aiconfigurator", {path}, {})));
}

TEST_F(ProfileImport, RefusesTablesOfTwoDevicesAndTooFewRows) {
  const std::string one = file("a.csv", gemm_table()), other = file("b.csv", gemm_table("NVIDIA L40S"));
  try {
    import_profile("aiconfigurator", {one, other}, {});
    ADD_FAILURE() << "no error";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("b.csv"), HasSubstr("one device")));
  }
  EXPECT_THAT(complaint("aiconfigurator", gemm_table().substr(0, 2000)), HasSubstr("fields"));
  const std::string text = gemm_table();
  EXPECT_THAT(complaint("aiconfigurator", text.substr(0, text.find('\n', 2000) + 1)), HasSubstr("rows or more"));
  EXPECT_THAT(complaint("aiconfigurator", "a,b\n1,2\n"), HasSubstr("'device'"));
  EXPECT_THAT(complaint("vidur", "a,b\n1,2\n"), HasSubstr("vidur"));
}

TEST_F(ProfileImport, TakesTheTablesOfAFolder) {
  file("a.csv", header + "layer,128,1,0,1,0.002\n");
  file("b.csv", header + "head,1,1,0,1,0.001\n");
  file("notes.txt", "not a table");
  EXPECT_EQ(import_profile("csv", {folder_.string()}, {}).operations.size(), 2u);
}

}  // namespace
}  // namespace ppplan::traces
