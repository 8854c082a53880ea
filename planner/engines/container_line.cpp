#include "planner/engines/container_line.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace ppplan::engines {
namespace {

/// Options of `docker run` that stand alone; every other one takes a value.
constexpr std::array<std::string_view, 16> switches = {
    "-d",   "--detach", "-i",  "--interactive", "-t",           "--tty",  "-it",         "-ti",
    "-itd", "-dit",     "-td", "--rm",          "--privileged", "--init", "--read-only", "-P"};

bool stands_alone(const std::string& option) {
  return option.find('=') != std::string::npos ||
         std::find(switches.begin(), switches.end(), std::string_view(option)) != switches.end();
}

void set_variable(ContainerLine& out, const std::string& assignment) {
  const std::size_t sign = assignment.find('=');
  // A bare name passes the caller's value on, which is not known here.
  if (sign == std::string::npos || sign == 0) return;
  out.env[assignment.substr(0, sign)] = assignment.substr(sign + 1);
}

/// --gpus '"device=0,1"' or device=0,1; counts and "all" name no card.
void set_devices(ContainerLine& out, std::string value) {
  std::erase(value, '"');
  if (value.starts_with("device=")) out.env["NVIDIA_VISIBLE_DEVICES"] = value.substr(7);
}

void set_option(ContainerLine& out, const std::string& name, const std::string& value) {
  if (name == "-e" || name == "--env") set_variable(out, value);
  if (name == "--gpus") set_devices(out, value);
}

/// Words that repeat the server's program in front of its flags.
std::size_t program_words(const std::vector<std::string>& words, std::size_t first) {
  std::size_t at = first;
  const auto is = [&](std::string_view word) { return at < words.size() && words[at] == word; };
  if (is("python") || is("python3")) ++at;
  if (is("-m")) ++at;
  if (is("vllm.entrypoints.openai.api_server") || is("vllm.entrypoints.api_server")) return at + 1 - first;
  if (is("vllm")) ++at;
  if (is("serve")) ++at;
  return at - first;
}

}  // namespace

ContainerLine read_container(const std::vector<std::string>& words) {
  ContainerLine out;
  std::size_t at = 0;
  while (at < words.size() && words[at].starts_with('-')) {
    const std::string& option = words[at++];
    const std::size_t sign = option.find('=');
    if (sign != std::string::npos) {
      set_option(out, option.substr(0, sign), option.substr(sign + 1));
    } else if (!stands_alone(option) && at < words.size()) {
      set_option(out, option, words[at++]);
    }
  }
  if (at < words.size()) out.image = words[at++];
  at += program_words(words, at);
  out.arguments.assign(words.begin() + static_cast<std::ptrdiff_t>(std::min(at, words.size())), words.end());
  return out;
}

}  // namespace ppplan::engines
