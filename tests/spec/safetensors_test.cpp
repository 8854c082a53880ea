#include "planner/spec/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "planner/spec/json_events.h"
#include "tests/spec/checkpoint_files.h"
#include "tests/spec/error_text.h"

namespace ppplan::spec {
namespace {

using testing::HasSubstr;

std::string tensor(const std::string& name, const std::string& dtype, const std::string& shape,
                   const std::string& offsets) {
  return "\"" + name + R"(":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

/// The error for a header in a file with 100 bytes of data; "" when it is read.
std::string refusal(const std::string& json) {
  const std::string bytes = with_length(json);
  return error_text(
      [&] { read_safetensors_header(bytes, static_cast<std::int64_t>(bytes.size()) + 100, "m.safetensors"); });
}

TEST(SafetensorsHeader, ListsTensorsInTheOrderOfTheirData) {
  const std::string bytes =
      with_length("{" + tensor("b", "BF16", "[4,2]", "[4,20]") + R"(,"__metadata__":{"format":"pt"},)" +
                  tensor("a", "F32", "[]", "[0,4]") + "," + tensor("none", "F4", "[0,3]", "[20,20]") + "}   ");
  const auto tensors = read_safetensors_header(bytes, static_cast<std::int64_t>(bytes.size()) + 20, "x");
  EXPECT_EQ(tensors, (std::vector<TensorSize>{{"a", "F32", 0, 4}, {"b", "BF16", 4, 20}, {"none", "F4", 20, 20}}));
}

TEST(SafetensorsHeader, TakesUnknownFormatsAndMembers) {
  EXPECT_EQ(refusal("{" + tensor("a", "Q3_NEW", "[7]", "[0,9]") + "}"), "");
  EXPECT_EQ(refusal(R"({"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9],"new":{"dtype":[[1]]}}})"), "");
}

TEST(SafetensorsHeader, NamesTensorAndPlaceOfHostileOffsets) {
  const auto u8 = [](const std::string& shape, const std::string& offsets) {
    return refusal("{" + tensor("a/b", "U8", shape, offsets) + "}");
  };
  EXPECT_EQ(u8("[9]", "[0,9]"), "");
  EXPECT_THAT(u8("[9]", "[-1,8]"), HasSubstr("m.safetensors: /a~1b/data_offsets/0: expected a whole number from 0"));
  EXPECT_EQ(
      u8("[4]", "[9,5]"),
      "m.safetensors: /a~1b: expected data_offsets in ascending order within the file's 100 bytes of data, found 9 "
      "to 5");
  EXPECT_THAT(u8("[101]", "[0,101]"), HasSubstr("found 0 to 101"));
  EXPECT_THAT(u8("[9]", "[0,18446744073709551615]"), HasSubstr("/a~1b/data_offsets/1"));
  EXPECT_THAT(u8("[9]", "[0,1e300]"), HasSubstr("/a~1b/data_offsets/1"));
  EXPECT_THAT(u8("[9]", "[0,9,9]"), HasSubstr("expected at most 2 numbers"));
  EXPECT_THAT(u8("[9]", "[9]"), HasSubstr("expected data_offsets of 2 numbers, found 1"));
  EXPECT_THAT(u8("[9]", "9"), HasSubstr("expected an array of whole numbers"));
  EXPECT_THAT(u8("[9]", "[[0],9]"), HasSubstr("expected an array of whole numbers"));
  EXPECT_THAT(u8("[8]", "[0,9]"), HasSubstr("expected the bytes of its shape as U8, found 9"));
  EXPECT_THAT(u8("[1125899906842624,1125899906842624,0.5]", "[0,9]"), HasSubstr("/a~1b/shape/2"));
  EXPECT_THAT(u8("[1125899906842624,16384]", "[0,0]"), HasSubstr("bytes of its shape"));  // 2^64 elements
}

TEST(SafetensorsHeader, RefusesSharedBytesAndNames) {
  EXPECT_EQ(refusal("{" + tensor("a", "U8", "[9]", "[0,9]") + "," + tensor("b", "U8", "[9]", "[8,17]") + "}"),
            "m.safetensors: /b: expected data of its own, found bytes that belong to 'a' too");
  EXPECT_EQ(refusal("{" + tensor("a", "U8", "[9]", "[0,9]") + "," + tensor("a", "U8", "[9]", "[9,18]") + "}"),
            "m.safetensors: expected every tensor once, found 'a' twice");
}

TEST(SafetensorsHeader, RefusesWhatIsNoHeader) {
  for (const char* json : {"[]", "17", "null", R"({"a":5})", R"({"a":[]})", R"({"a":{}})", R"({"__metadata__")",
                           R"({"a":{"dtype":{},"shape":[],"data_offsets":[0,1]}})", R"({"a":{"dtype":"U8"}})",
                           R"({"a":{"dtype":"U8","data_offsets":[0,1]}})", R"({} {})", "{\"\xff\":{}}", "  ",
                           R"({"a":{"dtype":"","shape":[],"data_offsets":[0,1]}})", R"({"a":1e999})"})
    EXPECT_THAT(refusal(json), HasSubstr("m.safetensors: ")) << json;
}

TEST(SafetensorsHeader, RefusesDepthLengthAndNumberWithoutHoldingThem) {
  EXPECT_THAT(refusal(R"({"__metadata__":{"a":)" + std::string(1 << 20, '[')), HasSubstr("nested at most 16 deep"));
  EXPECT_THAT(refusal("{\"" + std::string(1001, 'a') + "\":{}}"), HasSubstr("names of at most 1000 bytes"));
  std::string shape = "[1";
  for (int i = 0; i < 64; ++i) shape += ",1";
  EXPECT_THAT(refusal("{" + tensor("a", "U8", shape + "]", "[0,1]") + "}"), HasSubstr("at most 64 numbers"));
}

TEST(SafetensorsHeader, RefusesLengthsBeyondTheFileOrTheLimit) {
  const auto length = [](std::string bytes, std::int64_t file_size) {
    return error_text([&] { safetensors_header_length(bytes, file_size, "m"); });
  };
  const std::string hundred("\x64\0\0\0\0\0\0\0", 8);
  EXPECT_EQ(length(hundred, 108), "");
  EXPECT_EQ(length(hundred, 107), "m: its first 8 bytes: expected a header's length from 2 to 99, found 100");
  EXPECT_EQ(length("1234567", 7), "m: expected 8 bytes with the header's length, found 7 bytes");
  EXPECT_THAT(length(std::string(8, '\xff'), 1000), HasSubstr("found 18446744073709551615"));
  const std::string limit("\x00\xe1\xf5\x05\0\0\0\0", 8);  // 100 000 000
  EXPECT_EQ(length(limit, 200'000'000), "");
  EXPECT_THAT(length(std::string("\x01\xe1\xf5\x05\0\0\0\0", 8), 200'000'000), HasSubstr("found 100000001"));
  EXPECT_THAT(length(std::string(8, '\0'), 1000), HasSubstr("found 0"));
}

TEST(SafetensorsHeader, DamageIsReadOrRefusedNeverWorse) {
  std::mt19937 random(20261124);
  const std::string whole = header_of({{"model.layers.0.a", 40, "F32"}, {"model.layers.1.b", 9}, {"lm_head", 7}});
  const auto size = static_cast<std::int64_t>(whole.size()) + 56;
  for (int round = 0; round < 20000; ++round) {
    std::string damaged = whole;
    for (std::size_t times = 1 + random() % 3; times > 0; --times)
      damaged[random() % damaged.size()] = static_cast<char>(random());
    if (round % 3 == 0) damaged.resize(random() % damaged.size());
    std::vector<TensorSize> tensors;
    const std::string error = error_text([&] { tensors = read_safetensors_header(damaged, size, "m"); });
    std::int64_t end = 0;
    for (const TensorSize& item : tensors) {
      EXPECT_GE(item.begin, end);
      end = item.end;
    }
    EXPECT_LE(end, size - 8);
    EXPECT_TRUE(error.empty() || error.starts_with("m: ")) << error;
  }
}

TEST(SafetensorsIndex, MapsNamesToFiles) {
  const auto index = read_safetensors_index(
      R"({"metadata":{"total_size":12.0,"made":["by",1]},"weight_map":{"a":"x.safetensors","b":"y.safetensors"}})",
      "i");
  EXPECT_EQ(index, (SafetensorsIndex{{{"a", "x.safetensors"}, {"b", "y.safetensors"}}, 12}));
}

TEST(SafetensorsIndex, ReadsNinetyThousandNames) {
  std::string text = R"({"weight_map":{)";
  for (int i = 0; i < 90'000; ++i)
    text += (i > 0 ? "," : "") + ("\"model.layers." + std::to_string(i % 61) + ".mlp.experts." + std::to_string(i)) +
            ".down_proj.weight\":\"model-00001-of-000163.safetensors\"";
  EXPECT_EQ(read_safetensors_index(text + "}}", "i").weight_map.size(), 90'000U);
}

TEST(SafetensorsIndex, RefusesFilesElsewhereAndWhatIsNoMap) {
  const auto refused = [](const std::string& json) { return error_text([&] { read_safetensors_index(json, "i"); }); };
  for (const char* file : {"", ".", "..", "../x", "/etc/passwd", "a/b", "a\\\\b", "x..y", "a\\u0000b"})
    EXPECT_THAT(refused(std::string(R"({"weight_map":{"a":")") + file + "\"}}"),
                HasSubstr("i: /weight_map/a: expected the plain name of a file"))
        << file;
  for (const char* json :
       {"{}", "[]", "3", R"({"weight_map":{}})", R"({"weight_map":null})", R"({"weight_map":[]})",
        R"({"weight_map":{"a":1}})", R"({"weight_map":{"a":{}}})", R"({"weight_map":{"a":"x","a":"y"}})",
        R"({"weight_map":{"a":"x"},"metadata":{"total_size":-1}})"})
    EXPECT_THAT(refused(json), HasSubstr("i: ")) << json;
}

}  // namespace
}  // namespace ppplan::spec
