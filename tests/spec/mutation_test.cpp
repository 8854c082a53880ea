// Whatever is done to an input, its reader either succeeds or throws an InputError. Run under ASan and UBSan this also
// shows that nothing is read out of range and no count overflows.
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "planner/input/input_error.h"
#include "planner/spec/plan_json.h"
#include "planner/spec/read_cluster.h"
#include "planner/spec/read_model.h"
#include "tests/spec/random_plan.h"

namespace ppplan::spec {
namespace {

using input::Json;

template <typename Action>
void expect_value_or_input_error(const Action& action, const std::string& what) {
  try {
    action();
  } catch (const input::InputError& error) {
    EXPECT_NE(std::string(error.what()), "") << what;
  } catch (const std::exception& error) {
    ADD_FAILURE() << "threw something else: " << error.what() << "\n" << what;
  }
}

Json odd_value(std::mt19937& random) {
  const std::vector<Json> values = {nullptr,
                                    true,
                                    false,
                                    0,
                                    1,
                                    -1,
                                    2,
                                    3,
                                    1000000,
                                    2147483647,
                                    2147483648LL,
                                    -2147483648LL,
                                    9223372036854775807LL,
                                    18446744073709551615ULL,
                                    0.5,
                                    -0.0,
                                    1e-300,
                                    1e300,
                                    1e18,
                                    9.1e15,
                                    "",
                                    "1",
                                    "fp8",
                                    "FITS",
                                    "node0.host",
                                    Json::array(),
                                    Json::object(),
                                    Json::array({1, 2}),
                                    Json::array({Json::array({0})}),
                                    Json{{"a", 1}}};
  return values[random() % values.size()];
}

/// Every value inside, the whole included.
void collect(Json& value, std::vector<Json*>& out) {
  out.push_back(&value);
  if (value.is_structured())
    for (auto& child : value) collect(child, out);
}

void mutate_once(Json& document, std::mt19937& random) {
  std::vector<Json*> places;
  collect(document, places);
  Json& place = *places[random() % places.size()];
  if (place.is_array() && !place.empty() && random() % 2 == 0) {
    if (random() % 2 == 0)
      place.erase(random() % place.size());
    else
      place.push_back(Json(place[random() % place.size()]));
  } else if (place.is_object() && !place.empty() && random() % 2 == 0) {
    place.erase(std::next(place.begin(), static_cast<std::ptrdiff_t>(random() % place.size())).key());
  } else if (place.is_number_integer() && random() % 2 == 0) {
    place = static_cast<std::int64_t>(place.get<std::uint64_t>() + random() % 5 - 2);  // wraps at the ends
  } else {
    place = odd_value(random);
  }
}

void try_mutations(const Json& original, int rounds, unsigned seed, const std::function<void(const Json&)>& read) {
  std::mt19937 random(seed);
  for (int round = 0; round < rounds; ++round) {
    Json mutated = original;
    for (unsigned i = 0; i <= random() % 3; ++i) mutate_once(mutated, random);
    expect_value_or_input_error([&] { read(mutated); }, mutated.dump());
  }
}

TEST(Mutations, OfAConfigAreReadOrRefused) {
  const char* const dense = R"({"architectures": ["Qwen2ForCausalLM"], "hidden_size": 64, "num_hidden_layers": 4,
    "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 96, "vocab_size": 100, "head_dim": 16,
    "max_position_embeddings": 128, "torch_dtype": "bfloat16", "use_sliding_window": true, "sliding_window": 32,
    "max_window_layers": 2, "rope_parameters": {"rope_theta": 1e6}, "rms_norm_eps": 1e-6, "tie_word_embeddings": true,
    "quantization_config": {"quant_method": "compressed-tensors",
                            "config_groups": {"group_0": {"weights": {"num_bits": 8, "type": "float"}}}}})";
  const char* const experts = R"({"architectures": ["Qwen3MoeForCausalLM"], "hidden_size": 64, "num_hidden_layers": 4,
    "num_attention_heads": 4, "intermediate_size": 96, "vocab_size": 100, "max_position_embeddings": 128, "num_experts": 8,
    "num_experts_per_tok": 2, "moe_intermediate_size": 24, "decoder_sparse_step": 2, "mlp_only_layers": [1],
    "layer_types": ["full_attention", "full_attention", "sliding_attention", "full_attention"],
    "quantization_config": {"quant_method": "gptq", "bits": 4}})";
  for (const char* text : {dense, experts})
    try_mutations(Json::parse(text), 6000, 1, [](const Json& json) {
      const input::Document document(json, "config.json");
      const ModelSpec model = model_from_config(document.root(), "m");
      EXPECT_GT(parameters(model), 0);
      for (const Layer& layer : model.layers) {
        EXPECT_GT(weight_bytes(model, layer), 0);
        EXPECT_GT(kv_bytes_per_token(model, layer), 0);
        EXPECT_GT(flops_per_token(model, layer, 1e6), 0);
      }
    });
}

TEST(Mutations, OfAClusterAreReadOrRefused) {
  ClusterFlags flags;
  flags.gpus = "2xl40s,1xa40,1xrtx4090";
  flags.nodes = "2,2";
  try_mutations(to_json(read_cluster(flags)), 4000, 2, [](const Json& json) {
    const input::Document document(json, "cluster.json");
    const ClusterSpec cluster = cluster_from_json(document.root());
    for (int a = 0; a < static_cast<int>(cluster.devices.size()); ++a)
      for (int b = 0; b < static_cast<int>(cluster.devices.size()); ++b) {
        const auto hops = route(cluster, a, b);
        EXPECT_GT(bandwidth_bytes_per_s(cluster, hops), 0);
        EXPECT_GE(latency_s(cluster, hops), 0);
      }
  });
}

TEST(Mutations, OfAPlanAreReadOrRefused) {
  std::mt19937 random(3);
  for (int plan = 0; plan < 12; ++plan)
    try_mutations(to_json(random_plan(random)), 250, static_cast<unsigned>(plan), [](const Json& json) {
      const input::Document document(json, "plan.json");
      const Plan read = plan_from_json(document.root());
      const input::Document again(to_json(read), "again");
      EXPECT_EQ(plan_from_json(again.root()), read);
    });
}

TEST(Mutations, OfThePlansTextAreReadOrRefused) {
  std::mt19937 random(4);
  const std::string text = to_json(random_plan(random)).dump();
  for (int round = 0; round < 1500; ++round) {
    std::string mutated = text;
    for (unsigned i = 0; i <= random() % 4; ++i) mutated[random() % mutated.size()] = static_cast<char>(random() % 256);
    if (random() % 8 == 0) mutated.resize(random() % mutated.size());
    expect_value_or_input_error([&] { plan_from_json(input::parse_document(mutated, "plan.json").root()); }, mutated);
  }
}

std::string mutated_text(std::string text, std::mt19937& random) {
  const std::string alphabet = "0123456789x,=:./-+ eGiBMTbps_\xff\xc2\xb5";
  for (unsigned i = 0; i <= random() % 3; ++i) {
    const std::size_t at = random() % (text.size() + 1);
    const char c = alphabet[random() % alphabet.size()];
    switch (random() % 3) {
      case 0:
        text.insert(at, 1, c);
        break;
      case 1:
        if (at < text.size()) text.erase(at, 1 + random() % 3);
        break;
      default:
        if (at < text.size()) text[at] = c;
    }
  }
  return text;
}

TEST(Mutations, OfClusterFlagsAreReadOrRefused) {
  std::mt19937 random(5);
  ClusterFlags good;
  good.gpus = "2xrtx4090,1xbig,3xl4";
  good.gpu = "h100-sxm";
  good.nodes = "2,4";
  good.gpu_specs = {"big:mem=24GiB,bw=936GB/s,bf16=142TFLOPS,fp8=284TFLOPS,link=pcie4x16"};
  good.network = "bw=12.5GB/s,latency=10us";
  good.reserves = {"0=2GiB"};
  for (int round = 0; round < 6000; ++round) {
    ClusterFlags flags = good;
    std::string* const fields[] = {&flags.gpus, &flags.nodes, &flags.gpu_specs[0], &*flags.network, &flags.reserves[0]};
    std::string& field = *fields[random() % 5];
    field = mutated_text(field, random);
    expect_value_or_input_error([&] { read_cluster(flags); }, field);
  }
}

TEST(Mutations, OfModelNamesAreReadOrRefused) {
  std::mt19937 random(6);
  for (int round = 0; round < 300; ++round) {
    const std::string name = mutated_text("meta-llama/Llama-3.1-8B", random);
    expect_value_or_input_error([&] { read_model(name); }, name);
  }
  expect_value_or_input_error([] { read_model(""); }, "empty");
  expect_value_or_input_error([] { read_model(std::string(5000, 'x')); }, "long");
  expect_value_or_input_error([] { read_model("/" + std::string(5000, 'x')); }, "a long path");
  expect_value_or_input_error([] { read_model(std::string("a\0b", 3)); }, "zero byte");
}

}  // namespace
}  // namespace ppplan::spec
