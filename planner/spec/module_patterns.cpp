#include "planner/spec/module_patterns.h"

#include <algorithm>
#include <array>
#include <span>

namespace ppplan::spec {
namespace {

constexpr std::size_t most_alternatives = 64;
constexpr std::size_t most_length = 512;
constexpr std::size_t most_globs = 256;
constexpr int most_probed_layers = 128;

constexpr std::array<std::string_view, 7> attention_names = {
    "self_attn.q_proj",    "self_attn.o_proj", "self_attn.qkv_proj",  "self_attn.q_b_proj",
    "self_attn.kv_b_proj", "attention.o_proj", "linear_attn.out_proj"};
constexpr std::array<std::string_view, 6> dense_names = {"mlp.down_proj",
                                                         "mlp.gate_proj",
                                                         "mlp.gate_up_proj",
                                                         "feed_forward.down_proj",
                                                         "mlp.shared_experts.down_proj",
                                                         "mlp.shared_expert.down_proj"};
constexpr std::array<std::string_view, 5> expert_names = {"mlp.experts.0.down_proj", "mlp.experts.down_proj",
                                                          "block_sparse_moe.experts.0.w1",
                                                          "feed_forward.experts.down_proj", "mlp.experts.0.gate_proj"};

std::span<const std::string_view> names_of(ModuleKind kind) {
  if (kind == ModuleKind::attention) return attention_names;
  if (kind == ModuleKind::experts) return expert_names;
  return dense_names;
}

/// '*' stands for any text, of any length.
bool glob_matches(std::string_view glob, std::string_view text) {
  std::size_t g = 0, t = 0, star = std::string_view::npos, mark = 0;
  while (t < text.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      mark = t;
    } else if (g < glob.size() && glob[g] == text[t]) {
      ++g, ++t;
    } else if (star != std::string_view::npos) {
      g = star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  return std::all_of(glob.begin() + static_cast<std::ptrdiff_t>(g), glob.end(), [](char c) { return c == '*'; });
}

/// The expression with the first pair of parentheses replaced by each of its alternatives, and so on.
std::vector<std::string> alternatives(const std::string& expression) {
  std::vector<std::string> done, open = {expression};
  while (!open.empty() && done.size() + open.size() <= most_alternatives) {
    const std::string text = open.back();
    open.pop_back();
    const std::size_t close = text.find(')');
    const std::size_t start = close == std::string::npos ? close : text.rfind('(', close);
    if (start == std::string::npos) {
      done.push_back(text);
      continue;
    }
    std::string inner = text.substr(start + 1, close - start - 1);
    if (inner.starts_with("?:")) inner.erase(0, 2);
    for (std::size_t from = 0; from <= inner.size();) {
      const std::size_t bar = std::min(inner.find('|', from), inner.size());
      open.push_back(text.substr(0, start) + inner.substr(from, bar - from) + text.substr(close + 1));
      from = bar + 1;
    }
  }
  return done;
}

/// Repetitions and classes become '*', escaped signs themselves, anchors nothing.
std::string glob_of(const std::string& expression) {
  std::string out;
  for (std::size_t i = 0; i < expression.size(); ++i) {
    const char c = expression[i];
    if (c == '\\' && i + 1 < expression.size()) {
      const char next = expression[++i];
      out += next == 'd' || next == 'w' ? '*' : next;
    } else if (c == '[') {
      i = std::min(expression.find(']', i), expression.size() - 1);
      out += '*';
    } else if (c == '.' && i + 1 < expression.size() && (expression[i + 1] == '*' || expression[i + 1] == '+')) {
      out += '*';
      ++i;
    } else if (c != '^' && c != '$' && c != '+' && c != '?') {
      out += c;
    }
  }
  return out;
}

bool is_outside(const std::string& pattern) {
  for (const char* part : {"vision", "visual", "audio", "lm_head", "embed"})
    if (pattern.find(part) != std::string::npos) return true;
  return false;
}

/// Prefixes before the layers differ between files ("model.", "language_model.model."), so they are left off.
std::string from_layers(const std::string& pattern) {
  const std::size_t at = pattern.find("layers.");
  return at == std::string::npos ? pattern : pattern.substr(at);
}

}  // namespace

void ModulePatterns::add(const std::string& pattern) {
  if (pattern.empty() || pattern.size() > most_length || is_outside(pattern)) return;
  if (!pattern.starts_with("re:")) {
    add_one(from_layers(pattern));
    return;
  }
  for (const std::string& one : alternatives(pattern.substr(3)))
    if (one.size() <= most_length) add_one(from_layers(glob_of(one)));
}

void ModulePatterns::add_one(std::string pattern) {
  if (pattern.find('*') == std::string::npos)
    parts_.insert(std::move(pattern));
  else if (globs_.size() < most_globs)
    globs_.push_back(std::move(pattern));
}

bool ModulePatterns::matches(std::string_view module) const {
  // Every run of whole components: "layers.3.mlp", "mlp.experts", ...
  std::size_t from = 0;
  do {
    for (std::size_t end = module.find('.', from);; end = module.find('.', end + 1)) {
      const std::size_t stop = std::min(end, module.size());
      if (parts_.contains(module.substr(from, stop - from))) return true;
      if (end == std::string_view::npos) break;
    }
    from = module.find('.', from) + 1;  // npos + 1 is 0
  } while (from != 0);
  const std::string text = "." + std::string(module) + ".";
  return std::any_of(globs_.begin(), globs_.end(), [&](const std::string& glob) {
    return glob_matches("*." + glob + ".*", text) || glob_matches(glob, module);
  });
}

bool ModulePatterns::names(ModuleKind kind, int layers) const {
  if (globs_.empty() && parts_.empty()) return false;
  const int probed = std::min(layers, most_probed_layers);
  int named = 0;
  for (int i = 0; i < probed; ++i) {
    const std::string layer = "layers." + std::to_string(i) + ".";
    const auto modules = names_of(kind);
    named += std::any_of(modules.begin(), modules.end(),
                         [&](std::string_view module) { return matches(layer + std::string(module)); });
  }
  return 2 * named >= probed;
}

}  // namespace ppplan::spec
