#include "tools/ppplan/prefill.h"

#include <cmath>
#include <vector>

#include "planner/engines/launch_words.h"
#include "planner/engines/line_engine.h"
#include "planner/engines/line_graphs.h"
#include "planner/input/document.h"
#include "planner/input/input_error.h"

namespace ppplan::tools {
namespace {

/// vLLM's flag and the one of ours that means the same.
constexpr std::pair<const char*, const char*> same[] = {
    {"--tensor-parallel-size", "--tp"},
    {"--pipeline-parallel-size", "--pp"},
    {"--data-parallel-size", "--dp"},
    {"--max-model-len", "--max-model-len"},
    {"--max-num-seqs", "--max-num-seqs"},
    {"--max-num-batched-tokens", "--max-num-batched-tokens"},
    {"--gpu-memory-utilization", "--gpu-memory-utilization"},
    {"--block-size", "--block-size"},
    {"--kv-cache-memory-bytes", "--kv-cache-memory-bytes"},
    {"--max-loras", "--max-loras"},
    {"--max-lora-rank", "--max-lora-rank"},
    {"--moe-backend", "--moe-backend"},
    {"--cpu-offload-gb", "--cpu-offload-gb"},
    {"--enable-chunked-prefill", "--chunked-prefill"},
    {"--mamba-ssm-cache-dtype", "--mamba-ssm-cache-dtype"},
};

constexpr std::pair<const char*, const char*> switches[] = {
    {"--enforce-eager", "--enforce-eager"},
    {"--enable-expert-parallel", "--enable-expert-parallel"},
    {"--enable-lora", "--enable-lora"},
    {"--fully-sharded-loras", "--fully-sharded-loras"},
};

/// Formats that the server converts 16-bit weights to at start-up, as --quantization names them. bitsandbytes has 4
/// bits and a 4-byte scale for each 64 of them, which is what int4-g32 takes.
constexpr std::pair<const char*, const char*> conversions[] = {{"fp8", "fp8"}, {"bitsandbytes", "int4-g32"}};

/// "" for a method that checkpoints are made with beforehand.
std::string converted_to(const std::string& method) {
  for (const auto& [theirs, ours] : conversions)
    if (method == theirs) return ours;
  return "";
}

constexpr double longest_context = 1 << 30;

std::string value_of(const engines::ServeLine& line, const char* flag) {
  const auto found = line.flags.find(flag);
  return found == line.flags.end() ? std::string() : found->second;
}

bool typed(const CLI::App& command, const std::string& flag) {
  const CLI::Option* option = command.get_option_no_throw(flag);
  return option != nullptr && option->count() > 0;
}

}  // namespace

void prefill(const CLI::App& command, const ToldFlags& told, InputFlags& into) {
  CLI::App reader;
  add_input_flags(reader, into, false);
  std::vector<std::string> words;
  for (const auto& [name, value] : told) {
    // Weights that the server converts are weights of that format here.
    const bool converted = name == "--quantization";
    if (converted) into.server_quantization = value;
    const std::string flag = converted ? "--dtype" : name;
    if (typed(command, flag) || reader.get_option_no_throw(flag) == nullptr) continue;
    into.dtype_is_converted = into.dtype_is_converted || converted;
    const std::string text = converted ? converted_to(value) : value;
    words.push_back(text.empty() ? flag : flag + "=" + text);
  }
  try {
    reader.parse(std::vector<std::string>(words.rbegin(), words.rend()));
  } catch (const CLI::ParseError& error) {
    throw input::InputError("the server's flags", "", "values that vLLM takes", error.what());
  }
}

/// The number that follows `name` in {"image": 1, "video": 0} or image=1,video=0; "" without one.
std::string number_of(const std::string& text, const std::string& name) {
  std::size_t at = text.find(name);
  if (at == std::string::npos) return "";
  at = text.find_first_not_of("\" :=", at + name.size());
  if (at == std::string::npos) return "";
  return text.substr(at, text.find_first_not_of("0123456789", at) - at);
}

double number_in(const input::Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<double>() : 0;
}

std::string word_in(const input::Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

/// A context beyond the model's own: how long it is, or 0 where it follows from the model's.
struct Stretch {
  bool stated = false;
  long long tokens = 0;
};

/// Of a rotary embedding. The factors of other kinds (llama3, longrope, ...) are in the model's context already.
Stretch stretch_of(const input::Json& rope) {
  const std::string kind = word_in(rope, "rope_type").empty() ? word_in(rope, "type") : word_in(rope, "rope_type");
  const double factor = number_in(rope, "factor");
  if ((kind != "yarn" && kind != "linear" && kind != "dynamic") || factor <= 1 || factor > longest_context) return {};
  const double tokens = factor * number_in(rope, "original_max_position_embeddings");
  return {true, kind == "yarn" && tokens < longest_context ? std::llround(tokens) : 0};
}

/// Of a JSON object of a config's members.
Stretch stretch_of_config(const input::Json& stated) {
  if (!stated.is_object()) return {};
  if (const double longest = number_in(stated, "max_position_embeddings"); longest >= 1 && longest < longest_context)
    return {true, std::llround(longest)};
  for (const char* key : {"rope_scaling", "rope_parameters"})
    if (const auto rope = stated.find(key); rope != stated.end() && rope->is_object()) return stretch_of(*rope);
  const auto text = stated.find("text_config");
  return text != stated.end() ? stretch_of_config(*text) : Stretch{};
}

/// A context that the line's flags stretch: as far as they say, or as far as the line asks for.
void add_context(const engines::ServeLine& line, ToldFlags& out) {
  const auto parsed = [&](const char* flag) { return input::Json::parse(value_of(line, flag), nullptr, false); };
  const input::Json rope = parsed("--rope-scaling");
  Stretch stretch = stretch_of_config(parsed("--hf-overrides"));
  if (!stretch.stated && rope.is_object()) stretch = stretch_of(rope);
  if (!stretch.stated) return;
  const auto asked = out.find("--max-model-len");
  if (asked == out.end() && stretch.tokens == 0) return;
  const std::string tokens = std::to_string(stretch.tokens);
  const bool beyond =
      asked != out.end() && stretch.tokens > 0 &&
      (asked->second.size() != tokens.size() ? asked->second.size() > tokens.size() : asked->second > tokens);
  if (beyond) return;
  out["--allow-long-max-model-len"] = "";
  out.try_emplace("--max-model-len", tokens);
}

/// What prompts may bring beside text.
void add_encoder(const engines::ServeLine& line, ToldFlags& out) {
  const std::string limits = value_of(line, "--limit-mm-per-prompt");
  const bool text_only = value_of(line, "--language-model-only") == "true";
  for (const auto& [kind, ours] : {std::pair("image", "--limit-images"), std::pair("video", "--limit-videos")})
    if (const std::string limit = text_only ? "0" : number_of(limits, kind); !limit.empty()) out[ours] = limit;
  if (const auto pixels = number_of(value_of(line, "--mm-processor-kwargs"), "max_pixels"); !pixels.empty())
    out["--max-pixels"] = pixels;
  if (value_of(line, "--mm-encoder-tp-mode") == "data") out["--encoder-data-parallel"] = "";
}

void add_environment(const engines::ServeLine& line, ToldFlags& out) {
  const auto env = [&](const char* name) {
    const auto found = line.env.find(name);
    return found == line.env.end() ? std::string() : found->second;
  };
  if (env("VLLM_MXFP4_USE_MARLIN") == "1") out.try_emplace("--moe-backend", "marlin");
  if (env("VLLM_ALLOW_LONG_MAX_MODEL_LEN") == "1") out["--allow-long-max-model-len"] = "";
  if (const std::string runner = env("VLLM_USE_V2_MODEL_RUNNER"); runner == "0" || runner == "1")
    out["--model-runner"] = runner == "1" ? "V2" : "V1";
  if (const auto partition = line.env.find("VLLM_PP_LAYER_PARTITION"); partition != line.env.end())
    out["--partition"] = partition->second;
}

/// What the release decides of a line.
void add_choices(const engines::ServeLine& line, const std::string& version, ToldFlags& out) {
  if (const std::string engine = engines::engine_of_line(line, version); !engine.empty()) out["--vllm-engine"] = engine;
  const engines::LineGraphs graphs = engines::graphs_of_line(line, version);
  if (!graphs.mode.empty()) out["--cudagraph-mode"] = graphs.mode;
  if (graphs.largest) out["--max-cudagraph-capture-size"] = std::to_string(*graphs.largest);
  if (!graphs.sizes.empty()) out["--cudagraph-capture-sizes"] = engines::joined(graphs.sizes);
}

ToldFlags told_by(const engines::ServeLine& line, const std::string& version) {
  ToldFlags out;
  if (!line.model.empty()) out["--model"] = line.model;
  for (const auto& [theirs, ours] : same)
    if (const std::string value = value_of(line, theirs); !value.empty() && value != "auto") out[ours] = value;
  for (const auto& [theirs, ours] : switches)
    if (value_of(line, theirs) == "true") out[ours] = "";
  if (const std::string method = value_of(line, "--quantization"); !converted_to(method).empty())
    out["--quantization"] = method;
  if (value_of(line, "--kv-cache-dtype").starts_with("fp8")) out["--kv-dtype"] = "fp8";
  if (value_of(line, "--speculative-config").find("mtp") != std::string::npos) out["--mtp"] = "";
  add_encoder(line, out);
  add_context(line, out);
  add_environment(line, out);
  const std::string release = engines::image_version(line.image);
  if (!release.empty()) out["--vllm"] = release;
  add_choices(line, !version.empty() || release.empty() ? version : release, out);
  return out;
}

std::string server_dtype(const engines::ServeLine& line) {
  const std::string stated = value_of(line, "--dtype");
  return stated.empty() ? "auto" : stated;
}

}  // namespace ppplan::tools
