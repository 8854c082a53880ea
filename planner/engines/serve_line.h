// A pasted `vllm serve` line: model, environment and flags, with what the planner does not know of it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ppplan::engines {

struct ServeLine {
  std::string model;
  std::map<std::string, std::string> env;
  /// Canonical name ("--tensor-parallel-size") -> value: "true" or "false" of a switch, the words of a list with a
  /// blank between them. Whole numbers of modelled flags are decimal ("32K" reads "32768"); --max-model-len may be
  /// "auto".
  std::map<std::string, std::string> flags;
  std::vector<std::string> not_modelled;  // "--swap-space 4": known to vLLM, without effect on the plan
  std::vector<std::string> warnings;
  std::string launcher;  // "vllm serve", "python -m vllm.entrypoints.openai.api_server", "docker"
  std::string image;     // of a container: "vllm/vllm-openai:v0.10.0"
};

/// The words of one command, as a shell hands them over. Unknown flags, and flags that `version` does not have, become
/// warnings. Throws InputError when this is no vLLM server's command, names no model, or gives a modelled flag a value
/// that vLLM would refuse.
ServeLine read_serve_line(const std::vector<std::string>& words, const std::string& version);
/// The first vLLM server's command of a pasted text (shell_text.h); NAME=value and export lines before it count.
ServeLine read_serve_line(const std::string& text, const std::string& version);

/// True when some of the words start a server that read_serve_line reads.
bool starts_server(const std::vector<std::string>& words);

/// A whole number as vLLM's flags accept them: "4096", "32k" (32000), "32K" (32768), "1.5k" (1500), "-1". Suffixes
/// k m g t are powers of 1000, K M G T of 1024; only the former take a fraction.
std::optional<std::int64_t> human_readable_int(const std::string& text);
/// The release that an image's tag names ("0.8.5.post1" of "vllm/vllm-openai:v0.8.5.post1"), "" without one.
std::string image_version(const std::string& image);

}  // namespace ppplan::engines
