// Groups of hybrid models projected on stages, against vLLM's own function.
#include <gtest/gtest.h>

#include "planner/engines/kv_groups.h"
#include "planner/input/document.h"
#include "tests/shared_data.h"

namespace ppplan {
namespace {

using spec::AttentionKind;

/// A model that has one layer of the named kind wherever the row's groups say so.
spec::ModelSpec model_of(const input::Node& row) {
  spec::ModelSpec model;
  model.hidden = 1024;
  model.layers.resize(static_cast<std::size_t>(row.at("num_layers").integer()));
  const auto kinds = row.at("kinds").items();
  const auto groups = row.at("groups").items();
  for (std::size_t g = 0; g < groups.size(); ++g)
    for (const input::Node& layer : groups[g].items()) {
      spec::Attention& a = model.layers[static_cast<std::size_t>(layer.integer())].attention;
      const std::string kind = kinds[g].text();
      a = {.heads = 8, .kv_heads = 2, .head_dim = 128};
      if (kind == "sw") a.kind = AttentionKind::sliding_window, a.window = 1024;
      if (kind == "mamba")
        a = {.kind = AttentionKind::linear,
             .key_heads = 4,
             .value_heads = 8,
             .key_head_dim = 64,
             .value_head_dim = 64,
             .conv_kernel = 4};
    }
  return model;
}

std::vector<int> integers(const input::Node& node) {
  std::vector<int> out;
  for (const input::Node& item : node.items()) out.push_back(static_cast<int>(item.integer()));
  return out;
}

AttentionKind kind_of(const std::string& name) {
  if (name == "sw") return AttentionKind::sliding_window;
  return name == "mamba" ? AttentionKind::linear : AttentionKind::gqa;
}

void expect_stages(const engines::KvLayout& layout, const input::Node& row) {
  for (const input::Node& stage : row.at("stages").items()) {
    const std::vector<int> range = integers(stage.at("range"));
    EXPECT_EQ(engines::layers_per_group(layout, range[0], range[1]), integers(stage.at("layers_per_group")));
    const auto size = static_cast<int>(stage.at("group_size").integer());
    EXPECT_EQ(engines::group_size(layout, range[0], range[1]), size);
    const std::int64_t page = layout.page_bytes.front();
    EXPECT_EQ(engines::block_bytes(layout, range[0], range[1]), page * size);
  }
}

TEST(KvGroupsGolden, EqualThoseOfVllmInEveryRow) {
  const auto path = tests::shared_file("golden/vllm_kv_groups_pp.json");
  if (path.empty()) GTEST_SKIP() << "no golden data beside this checkout";
  const input::Document document = input::read_document(path);
  std::size_t rows = 0;
  for (const input::Node& row : document.root().items()) {
    SCOPED_TRACE(row.at("model").text());
    const auto layout = engines::kv_layout(model_of(row), 1, 16, 2, false, engines::memory_rules(""));
    const auto groups = row.at("groups").items();
    ASSERT_EQ(static_cast<std::int64_t>(layout.groups.size()), row.at("num_groups").integer());
    for (std::size_t g = 0; g < groups.size(); ++g) {
      EXPECT_EQ(layout.groups[g].layers, integers(groups[g]));
      EXPECT_EQ(layout.groups[g].kind, kind_of(row.at("kinds").items()[g].text()));
    }
    expect_stages(layout, row);
    ++rows;
  }
  EXPECT_EQ(rows, 27u);
}

}  // namespace
}  // namespace ppplan
