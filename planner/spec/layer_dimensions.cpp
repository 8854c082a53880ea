#include "planner/spec/layer_dimensions.h"

namespace ppplan::spec {

std::map<std::string, std::int64_t> layer_dimensions(const ModelSpec& model, const Layer& layer) {
  const Attention& a = layer.attention;
  const FeedForward& f = layer.feed_forward;
  std::map<std::string, std::int64_t> out{{"hidden", model.hidden}, {"heads", a.heads},
                                          {"kv_heads", a.kv_heads}, {"head_dim", a.head_dim},
                                          {"window", a.window},     {"intermediate", f.intermediate},
                                          {"experts", f.experts},   {"experts_per_token", f.experts_per_token}};
  for (const auto& [name, value] :
       {std::pair("q_lora_rank", a.q_lora_rank), std::pair("kv_lora_rank", a.kv_lora_rank),
        std::pair("nope_dim", a.nope_dim), std::pair("rope_dim", a.rope_dim), std::pair("value_dim", a.value_dim),
        std::pair("shared_intermediate", f.shared_intermediate), std::pair("ungated", f.gated ? 0 : 1),
        std::pair("narrow", f.narrow)})
    if (value > 0) out[name] = value;
  return out;
}

}  // namespace ppplan::spec
