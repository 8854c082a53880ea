#include "planner/spec/stated_bytes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "planner/spec/plan_json.h"
#include "planner/spec/read_model.h"
#include "tests/spec/checkpoint_files.h"
#include "tests/spec/error_text.h"

namespace ppplan::spec {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

const std::vector<SparseTensor> two_layers = {{"model.embed_tokens.weight", 1000},
                                              {"model.layers.0.mlp.up_proj.weight", 70},
                                              {"model.layers.0.input_layernorm.weight", 7},
                                              {"model.layers.1.mlp.up_proj.weight", 50},
                                              {"model.norm.weight", 3},
                                              {"lm_head.weight", 900}};

class StatedBytesFolder : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::path(testing::TempDir()) / (std::string("stated_bytes_") + test->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string path(const std::string& file) const { return (folder_ / file).string(); }
  StatedWeights read(int layers) const { return stated_weights(folder_.string(), layers); }
  void write_index(const std::map<std::string, std::string>& weight_map, const input::Json& metadata = {}) const {
    input::Json index;
    if (!metadata.is_null()) index["metadata"] = metadata;
    index["weight_map"] = weight_map;
    input::write_text(path("model.safetensors.index.json"), index.dump());
  }
  void write_config(const std::string& dtype = "bfloat16") const {
    input::write_text(path("config.json"), R"({"architectures": ["LlamaForCausalLM"], "hidden_size": 64,
      "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96, "vocab_size": 100,
      "max_position_embeddings": 128, "torch_dtype": ")" +
                                               dtype + "\"}");
  }

  fs::path folder_;
};

TEST_F(StatedBytesFolder, SumsASingleFile) {
  write_sparse(path("model.safetensors"), two_layers);
  const StatedWeights weights = read(2);
  EXPECT_EQ(weights.note, "");
  StatedBytes expected;
  expected.layer_bytes = {77, 50};
  expected.embedding_bytes = 1000;
  expected.head_bytes = 900;
  expected.other_bytes = 3;
  EXPECT_EQ(weights.bytes, expected);
}

TEST_F(StatedBytesFolder, SumsLayersOverShards) {
  write_sparse(path("a.safetensors"), {{"model.layers.0.a", 5}, {"model.layers.1.a", std::int64_t{1} << 34}});
  write_sparse(path("b.safetensors"), {{"model.layers.0.b", 6}, {"model.layers.0.a", 4}, {"model.layers.2.c", 9}});
  // layers.0.a of b.safetensors is left over: the index has it in a.safetensors. Layer 2 of 2 is a draft.
  write_index({{"model.layers.0.a", "a.safetensors"},
               {"model.layers.1.a", "a.safetensors"},
               {"model.layers.0.b", "b.safetensors"},
               {"model.layers.2.c", "b.safetensors"}},
              {{"total_size", 20 + (std::int64_t{1} << 34)}});
  const StatedWeights weights = read(2);
  EXPECT_EQ(weights.note, "");
  StatedBytes expected;
  expected.layer_bytes = {11, std::int64_t{1} << 34};
  expected.draft_bytes = 9;
  EXPECT_EQ(weights.bytes, expected);
}

TEST_F(StatedBytesFolder, SaysThatTheTotalDiffers) {
  write_sparse(path("a.safetensors"), {{"h.0.a", 5}});
  write_index({{"h.0.a", "a.safetensors"}}, {{"total_size", 6.0}});
  EXPECT_THAT(read(1).note, HasSubstr("states 6 bytes in all, the files' headers 5"));
  EXPECT_TRUE(read(1).bytes);
}

TEST_F(StatedBytesFolder, IsSilentWithoutACheckpoint) {
  EXPECT_FALSE(read(2).bytes);
  EXPECT_EQ(read(2).note, "");
}

TEST_F(StatedBytesFolder, NotesMissingFilesAndPointers) {
  write_index({{"model.layers.0.a", "a.safetensors"}, {"model.layers.1.a", "b.safetensors"}});
  write_sparse(path("a.safetensors"), {{"model.layers.0.a", 5}});
  EXPECT_FALSE(read(2).bytes);
  EXPECT_THAT(read(2).note, HasSubstr("names 2 files, of which 1 cannot be read: b.safetensors is not beside it"));
  input::write_text(path("b.safetensors"), "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n");
  EXPECT_THAT(read(2).note, HasSubstr("b.safetensors is a Git LFS pointer"));
}

TEST_F(StatedBytesFolder, NotesALayerWithoutTensors) {
  write_sparse(path("model.safetensors"), two_layers);
  EXPECT_FALSE(read(3).bytes);
  EXPECT_THAT(read(3).note, HasSubstr("has no tensor of layer 2 of 3"));
}

TEST_F(StatedBytesFolder, NotesTwoModelsInOne) {
  write_sparse(path("model.safetensors"), {{"encoder.layers.0.a", 5}, {"decoder.layers.0.a", 5}});
  EXPECT_FALSE(read(1).bytes);
  EXPECT_THAT(read(1).note, HasSubstr("layers under 'decoder.layers.' and 'encoder.layers.'"));
}

TEST_F(StatedBytesFolder, RefusesATensorThatIsNotWhereTheIndexSays) {
  write_sparse(path("a.safetensors"), {{"model.layers.0.a", 5}});
  write_index({{"model.layers.0.b", "a.safetensors"}});
  EXPECT_EQ(error_text([&] { read(1); }), path("a.safetensors") +
                                              ": expected the tensor 'model.layers.0.b' that the "
                                              "index has there, found none");
}

TEST_F(StatedBytesFolder, RefusesATruncatedFile) {
  write_sparse(path("model.safetensors"), two_layers);
  const auto size = fs::file_size(path("model.safetensors"));
  for (const std::uintmax_t kept : {size - 1, std::uintmax_t{100}, std::uintmax_t{7}, std::uintmax_t{0}}) {
    fs::resize_file(path("model.safetensors"), kept);
    EXPECT_THAT(error_text([&] { read(2); }), HasSubstr("model.safetensors: ")) << kept;
  }
}

TEST_F(StatedBytesFolder, CountsInTheModel) {
  write_config();
  write_sparse(path("model.safetensors"), two_layers);
  const ModelSpec model = read_model(folder_.string());
  EXPECT_THAT(model.notes, testing::IsEmpty());
  EXPECT_EQ(layer_bytes(model, 0, {}), 77);
  EXPECT_EQ(layer_bytes(model, 1, {}), 50);
  EXPECT_EQ(embedding_bytes(model), 1000);
  EXPECT_EQ(head_bytes(model), 900);
  ModelSpec other = read_model(path("config.json"));
  other.name = model.name;
  EXPECT_EQ(model, other);
  ModelSpec cast = model;
  set_weight_dtype(cast, DType::fp8);
  EXPECT_FALSE(cast.stated);
}

TEST_F(StatedBytesFolder, CarriesNotesThroughDocuments) {
  write_config();
  write_sparse(path("model.safetensors"), {two_layers[1]});
  const ModelSpec model = read_model(folder_.string());
  EXPECT_FALSE(model.stated);
  EXPECT_THAT(model.notes, testing::ElementsAre(HasSubstr("the config's dimensions count instead")));
  const input::Document document(to_json(model), "model.json");
  EXPECT_EQ(model_from_json(document.root()), model);
}

TEST_F(StatedBytesFolder, DoesNotCountFloatsThatAreHalvedWhenLoaded) {
  write_sparse(path("model.safetensors"), {{"model.layers.0.a", 40, "F32"}, {"model.layers.1.a", 40, "F32"}});
  write_config("bfloat16");
  EXPECT_FALSE(read_model(folder_.string()).stated);
  EXPECT_THAT(read_model(folder_.string()).notes, testing::ElementsAre(HasSubstr("bf16 does not load")));
  write_config("float32");
  EXPECT_TRUE(read_model(folder_.string()).stated);
}

TEST(Belonging, GoesByTheFirstTellingWord) {
  const auto layer = [](std::int64_t index, std::string_view prefix) {
    return Belonging{Holder::layer, index, prefix};
  };
  EXPECT_EQ(belonging("model.layers.31.mlp.up_proj.weight"), layer(31, "model.layers."));
  EXPECT_EQ(belonging("transformer.h.7.attn.weight"), layer(7, "transformer.h."));
  EXPECT_EQ(belonging("language_model.model.layers.3.x"), layer(3, "language_model.model.layers."));
  EXPECT_EQ(belonging("model.layers.61.embed_tokens.weight"), layer(61, "model.layers."));
  EXPECT_EQ(belonging("layers.99999999999999999999.x"), layer(std::int64_t{1} << 31, "layers."));
  for (const char* name : {"visual.blocks.0.attn", "model.vision_tower.vision_model.encoder.layers.3.x",
                           "vision_encoder.transformer.layers.0.x", "multi_modal_projector.linear_1.weight",
                           "thinker.audio_tower.layers.0.x", "patch_merger.merging_layer.weight"})
    EXPECT_EQ(belonging(name).holder, Holder::tower) << name;
  for (const char* name : {"mtp.fc.weight", "mtp.layers.0.mlp.weight", "model.mtp_layers.0.x", "model.mtp.layers.0.x"})
    EXPECT_EQ(belonging(name).holder, Holder::draft) << name;
  EXPECT_EQ(belonging("language_model.model.embed_tokens.weight").holder, Holder::embedding);
  EXPECT_EQ(belonging("transformer.embedding.word_embeddings.weight").holder, Holder::embedding);
  EXPECT_EQ(belonging("language_model.lm_head.weight").holder, Holder::head);
  EXPECT_EQ(belonging("output.weight").holder, Holder::head);
  for (const char* name : {"", ".", "..", "layers", "layers.", "layers.-1.x", "layers.1x.y", "model.norm.weight"})
    EXPECT_EQ(belonging(name).holder, Holder::other) << name;
}

/// A random tensor of a model with `layers` layers, and where its bytes must go.
SparseTensor random_tensor(int serial, int layers, std::mt19937& random, StatedBytes& expected) {
  const auto below = [&](int count) { return static_cast<int>(random() % static_cast<unsigned>(count)); };
  const std::int64_t bytes = static_cast<std::int64_t>(random()) << below(3);
  const std::string tail = ".part" + std::to_string(serial) + ".weight";
  const int layer = below(layers);
  const std::string number = std::to_string(layer);
  switch (below(8)) {
    case 0:
      return expected.embedding_bytes += bytes, SparseTensor{"model.embed_tokens" + tail, bytes};
    case 1:
      return expected.head_bytes += bytes, SparseTensor{"lm_head" + tail, bytes};
    case 2:
      return expected.tower_bytes += bytes, SparseTensor{"visual.blocks." + number + tail, bytes};
    case 3:
      return expected.draft_bytes += bytes, SparseTensor{"mtp.layers." + number + tail, bytes};
    case 4:
      return expected.other_bytes += bytes, SparseTensor{"model.norm" + tail, bytes};
    case 5:
      return expected.draft_bytes += bytes,
             SparseTensor{"model.layers." + std::to_string(layers + layer) + tail, bytes};
    default:
      expected.layer_bytes[static_cast<std::size_t>(layer)] += bytes;
      return {"model.layers." + number + tail, bytes};
  }
}

TEST_F(StatedBytesFolder, ReadsWhatRandomModelsWrote) {
  std::mt19937 random(20261124);
  for (int round = 0; round < 40; ++round) {
    const int layers = 1 + static_cast<int>(random() % 12);
    const int shards = 1 + static_cast<int>(random() % 5);
    StatedBytes expected;
    std::vector<std::vector<SparseTensor>> files(static_cast<std::size_t>(shards));
    std::map<std::string, std::string> weight_map;
    const auto keep = [&](const SparseTensor& tensor) {
      const std::size_t shard = random() % files.size();
      files[shard].push_back(tensor);
      weight_map[tensor.name] = "shard" + std::to_string(shard) + ".safetensors";
    };
    for (int l = 0; l < layers; ++l) {
      expected.layer_bytes.push_back(l + 1);
      keep({"model.layers." + std::to_string(l) + ".first", l + 1});
    }
    for (int i = 0; i < 60; ++i) keep(random_tensor(i, layers, random, expected));
    for (std::size_t i = 0; i < files.size(); ++i)
      write_sparse(path("shard" + std::to_string(i) + ".safetensors"), files[i]);
    write_index(weight_map);
    const StatedWeights weights = read(layers);
    EXPECT_EQ(weights.note, "");
    EXPECT_EQ(weights.bytes, expected) << round;
  }
}

}  // namespace
}  // namespace ppplan::spec
