#include "planner/engines/serve_line.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <string_view>

#include "planner/engines/container_line.h"
#include "planner/engines/shell_text.h"
#include "planner/engines/vllm_flags.h"
#include "planner/engines/vllm_version.h"
#include "planner/input/document.h"
#include "planner/input/input_error.h"

namespace ppplan::engines {
namespace {

using Words = std::vector<std::string>;

constexpr std::string_view api_server = "vllm.entrypoints.openai.api_server";
/// The plain server of before the OpenAI one; its engine takes the same flags.
constexpr std::string_view plain_server = "vllm.entrypoints.api_server";
/// More words than any command line that people type.
constexpr std::size_t most_words = 4096;
constexpr std::size_t most_json = 4096;  // characters of one that is read; bounds how deep it nests
constexpr int most_hints = 16;

/// Modelled flags whose value is a whole number, or a share.
constexpr std::array<std::string_view, 11> counted = {"--pipeline-parallel-size",
                                                      "--tensor-parallel-size",
                                                      "--data-parallel-size",
                                                      "--max-model-len",
                                                      "--max-num-seqs",
                                                      "--max-num-batched-tokens",
                                                      "--block-size",
                                                      "--kv-cache-memory-bytes",
                                                      "--nnodes",
                                                      "--node-rank",
                                                      "--master-port"};

bool is_counted(const std::string& name) {
  return std::find(counted.begin(), counted.end(), std::string_view(name)) != counted.end();
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

bool is_truth(const std::string& word) { return lower(word) == "true" || lower(word) == "false"; }

std::string base_name(const std::string& path) { return path.substr(path.find_last_of('/') + 1); }

/// argparse takes a negative number as a value, not as a flag.
bool is_flag(const std::string& word) {
  if (word.size() < 2 || word[0] != '-') return false;
  return std::isdigit(static_cast<unsigned char>(word[1])) == 0 && word[1] != '.';
}

class FlagReader {
 public:
  FlagReader(const Words& words, const std::string& version, ServeLine& out)
      : words_(words), version_(version), out_(out) {}

  void read() {
    while (at_ < words_.size()) {
      const std::string word = words_[at_++];
      if (is_flag(word) && word != "--")
        flag(word);
      else if (word != "--")
        positional(word);
    }
  }

 private:
  void positional(const std::string& word) {
    if (out_.model.empty())
      out_.model = word;
    else
      out_.warnings.push_back("the word \"" + word.substr(0, 80) + "\" belongs to no flag");
  }

  void flag(const std::string& word) {
    const std::size_t sign = word.find('=');
    const std::string spelled = dashed(word.substr(0, sign));
    std::optional<std::string> value;
    if (sign != std::string::npos) value = word.substr(sign + 1);
    if (spelled.starts_with("-O") && spelled.size() > 2) return optimization_level(spelled, value);
    if (const VllmFlag* known = lookup(spelled)) return known_flag(*known, spelled, value);
    if (const VllmFlag* denied = lookup_denied(spelled)) return denied_flag(*denied);
    if (member_of_json(spelled, value)) return;
    // The nearest name is dear to find, and of no use to a text that is all noise.
    out_.warnings.push_back(++unknown_ <= most_hints ? unknown_flag(spelled) : "unknown flag " + spelled.substr(0, 80));
    if (!value) skip_value();
  }

  const VllmFlag* lookup(const std::string& spelled) {
    if (const VllmFlag* known = find_flag(spelled)) return known;
    const VllmFlag* completed = completed_flag(spelled, version_);
    if (completed != nullptr) out_.warnings.push_back(spelled + " is read as " + completed->name);
    return completed;
  }

  const VllmFlag* lookup_denied(const std::string& spelled) const {
    if (!spelled.starts_with("--no-")) return nullptr;
    const VllmFlag* flag = find_flag("--" + spelled.substr(5));
    return flag != nullptr && flag->takes == FlagTakes::none ? flag : nullptr;
  }

  void denied_flag(const VllmFlag& flag) {
    if (has_flag(version_, flag) && !has_no_form(version_, flag))
      out_.warnings.push_back("vLLM " + version_ + " has " + flag.name + " but no --no- form of it");
    keep(flag, "false");
  }

  /// -O3, -O.mode=3: spellings of vLLM's own parser.
  void optimization_level(const std::string& spelled, const std::optional<std::string>& value) {
    if (spelled[2] == '.')
      member_of_json("--compilation-config" + spelled.substr(2), value);
    else
      out_.flags["--optimization-level"] = spelled.substr(2);
  }

  /// --compilation-config.mode 3, --speculative-config.tokens+ 1: a member of a flag that takes JSON.
  bool member_of_json(const std::string& spelled, const std::optional<std::string>& value) {
    const std::size_t dot = spelled.find('.');
    const VllmFlag* flag = dot == std::string::npos ? nullptr : find_flag(spelled.substr(0, dot));
    if (flag == nullptr) return false;
    const std::string text = value ? *value : next_value().value_or("");
    const std::string member = spelled.substr(dot + 1);
    const bool plain = !member.empty() && member.find_first_of(".+") == std::string::npos;
    if (plain) out_.flags[flag->name] = with_member(out_.flags[flag->name], member, text);
    if (!flag->modelled || !plain) out_.not_modelled.push_back(spelled + " " + text);
    return true;
  }

  /// `object` as JSON with one more member, whose name has underscores there; a value that is no JSON is a text.
  static std::string with_member(const std::string& object, std::string member, const std::string& text) {
    const auto parsed = [](const std::string& json) {
      return input::Json::parse(json.size() <= most_json ? json : std::string(), nullptr, false);
    };
    input::Json out = parsed(object);
    if (!out.is_object()) out = input::Json::object();
    std::replace(member.begin(), member.end(), '-', '_');
    const input::Json value = parsed(text);
    out[member] = value.is_discarded() ? input::Json(text) : value;
    return out.dump(-1, ' ', false, input::Json::error_handler_t::replace);
  }

  void known_flag(const VllmFlag& flag, const std::string& spelled, std::optional<std::string> value) {
    if (flag.takes == FlagTakes::none) return keep(flag, switch_value(flag, value));
    if (!value) value = flag.takes == FlagTakes::list ? list_value() : next_value();
    if (value) return keep(flag, *value);
    out_.warnings.push_back(spelled + " has no value");
  }

  std::string switch_value(const VllmFlag& flag, const std::optional<std::string>& value) {
    if (value && is_truth(*value)) return lower(*value);
    if (value) out_.warnings.push_back(flag.name + " is a switch and takes no \"" + value->substr(0, 80) + "\"");
    if (!value && takes_truth(version_, flag) && at_ < words_.size() && is_truth(words_[at_]))
      return lower(words_[at_++]);
    return "true";
  }

  std::optional<std::string> next_value() {
    if (at_ == words_.size() || is_flag(words_[at_])) return std::nullopt;
    return words_[at_++];
  }

  std::optional<std::string> list_value() {
    std::string out;
    const std::size_t first = at_;
    for (; at_ < words_.size() && !is_flag(words_[at_]); ++at_) out += (at_ == first ? "" : " ") + words_[at_];
    return at_ == first ? std::nullopt : std::optional(out);
  }

  /// A word behind an unknown flag is more likely its value than the model, unless there is no model yet.
  void skip_value() {
    if (!out_.model.empty()) next_value();
  }

  void keep(const VllmFlag& flag, const std::string& value) {
    const std::string fault = flag_fault(version_, flag);
    if (!fault.empty()) out_.warnings.push_back(fault);
    if (!flag.modelled)
      out_.not_modelled.push_back(flag.takes == FlagTakes::none ? switch_text(flag, value) : flag.name + " " + value);
    const std::string plain = flag.modelled ? plain_value(flag.name, value) : value;
    if (flag.name == "--model") {
      out_.model = plain;
      return;
    }
    if (out_.flags.contains(flag.name)) out_.warnings.push_back(flag.name + " is given twice: the last one counts");
    out_.flags[flag.name] = plain;
  }

  static std::string switch_text(const VllmFlag& flag, const std::string& value) {
    return value == "true" ? flag.name : "--no-" + flag.name.substr(2);
  }

  /// Checked where the planner goes on with it.
  std::string plain_value(const std::string& name, const std::string& value) const {
    if (name == "--gpu-memory-utilization") return share(value);
    if (!is_counted(name)) return value;
    if (name == "--max-model-len" && (lower(value) == "auto" || value == "-1")) return "auto";
    const auto number = human_readable_int(value);
    if (!number || *number < (name == "--node-rank" ? 0 : 1))
      throw input::InputError(name, "", "a positive whole number", "\"" + value.substr(0, 80) + "\"");
    return std::to_string(*number);
  }

  static std::string share(const std::string& value) {
    std::size_t read = 0;
    double number = 0;
    try {
      number = std::stod(value, &read);
    } catch (const std::exception&) {
      read = 0;
    }
    if (read == 0 || read != value.size() || !(number > 0 && number <= 1))
      throw input::InputError("--gpu-memory-utilization", "", "a share in (0, 1]", "\"" + value.substr(0, 80) + "\"");
    return value;
  }

  const Words& words_;
  const std::string& version_;
  ServeLine& out_;
  std::size_t at_ = 0;
  int unknown_ = 0;
};

/// Where the server's own arguments begin, and what starts it; nothing when the words start no vLLM server.
struct Start {
  std::string launcher;
  std::size_t arguments = 0;  // index of the first
};

std::optional<Start> start_of(const Words& words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string program = base_name(words[i]);
    const bool more = i + 1 < words.size();
    if ((program == "docker" || program == "podman" || program == "nerdctl") && more && words[i + 1] == "run")
      return Start{"docker", i + 2};
    if (program == "vllm" && more && words[i + 1] == "serve") return Start{"vllm serve", i + 2};
    if (words[i] == api_server || words[i] == plain_server) return Start{"python -m " + words[i], i + 1};
  }
  return std::nullopt;
}

/// NAME=value words in front of the program.
void read_environment(const Words& words, std::size_t end, ServeLine& out) {
  for (std::size_t i = 0; i < end; ++i)
    if (is_assignment(words[i]))
      out.env[words[i].substr(0, words[i].find('='))] = words[i].substr(words[i].find('=') + 1);
}

[[noreturn]] void no_server() {
  throw input::InputError("serve line", "",
                          "`vllm serve MODEL ...`, `python -m " + std::string(api_server) +
                              " --model MODEL ...` or `docker run ... IMAGE ...`",
                          "no such command");
}

/// A variable that chooses an engine which the account of that version doesn't follow.
void warn_of_engine(ServeLine& out, const std::string& version) {
  const auto chosen = out.env.find("VLLM_USE_V1");
  if (chosen == out.env.end() || chosen->second != "1" || !(vllm_version(version) < vllm_version("0.8"))) return;
  out.warnings.push_back(
      "VLLM_USE_V1=1 chooses engine V1, whose memory is not counted here: the account is of what vLLM " + version +
      " takes by itself");
}

bool is_digits(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

/// 1 for what is no suffix.
std::int64_t suffix_factor(char suffix) {
  static const std::string decimal = "kmgt";
  static const std::string binary = "KMGT";
  std::int64_t out = 1;
  for (std::size_t i = 0; i < decimal.size(); ++i) {
    if (suffix == decimal[i])
      for (std::size_t k = 0; k <= i; ++k) out *= 1000;
    if (suffix == binary[i])
      for (std::size_t k = 0; k <= i; ++k) out *= 1024;
  }
  return out;
}

ServeLine read_words(const Words& words, const std::string& version) {
  vllm_version(version);
  if (words.size() > most_words)
    throw input::InputError("serve line", "", "at most " + std::to_string(most_words) + " words",
                            std::to_string(words.size()));
  const auto start = start_of(words);
  if (!start) no_server();
  ServeLine out;
  out.launcher = start->launcher;
  read_environment(words, start->arguments, out);
  Words arguments(words.begin() + static_cast<std::ptrdiff_t>(start->arguments), words.end());
  if (start->launcher == "docker") {
    const ContainerLine container = read_container(arguments);
    out.image = container.image;
    out.env.insert(container.env.begin(), container.env.end());
    arguments = container.arguments;
  }
  FlagReader(arguments, version, out).read();
  if (out.model.empty()) throw input::InputError("serve line", "", "the name of a model", "none");
  return out;
}

}  // namespace

ServeLine read_serve_line(const Words& words, const std::string& version) {
  ServeLine out = read_words(words, version);
  warn_of_engine(out, version);
  return out;
}

ServeLine read_serve_line(const std::string& text, const std::string& version) {
  const ShellText shell = read_shell(text);
  for (const Words& command : shell.commands) {
    if (!start_of(command)) continue;
    ServeLine out = read_words(command, version);
    out.env.insert(shell.variables.begin(), shell.variables.end());
    out.warnings.insert(out.warnings.begin(), shell.warnings.begin(), shell.warnings.end());
    warn_of_engine(out, version);
    return out;
  }
  no_server();
}

bool starts_server(const Words& words) { return start_of(words).has_value(); }

std::optional<std::int64_t> human_readable_int(const std::string& text) {
  const bool negative = text.starts_with('-');
  std::string digits = text.substr(negative ? 1 : 0);
  if (digits.empty() || digits.size() > 18) return std::nullopt;
  const char suffix = digits.back();
  const std::int64_t factor = suffix_factor(suffix);
  if (factor > 1) digits.pop_back();
  const std::size_t dot = std::min(digits.find('.'), digits.size());
  const bool fraction = dot < digits.size();
  if (!is_digits(digits.substr(0, dot)) || (fraction && !is_digits(digits.substr(dot + 1)))) return std::nullopt;
  if (fraction && (factor == 1 || std::isupper(static_cast<unsigned char>(suffix)) != 0)) return std::nullopt;
  const double value = std::stod(digits) * static_cast<double>(factor);
  if (value > 1e15) return std::nullopt;  // all whole numbers up to here are exact
  const auto out = static_cast<std::int64_t>(value);
  return negative ? -out : out;
}

std::string image_version(const std::string& image) {
  const std::size_t colon = image.find_last_of(':');
  if (colon == std::string::npos || image.find('/', colon) != std::string::npos) return "";
  std::string tag = image.substr(colon + 1);
  tag = tag.substr(tag.starts_with('v') ? 1 : 0);
  tag = tag.substr(0, tag.find_first_of("-_"));
  try {
    vllm_version(tag);
  } catch (const input::InputError&) {
    return "";
  }
  return tag;
}

}  // namespace ppplan::engines
