// Which modules of a model a quantization's list names.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace ppplan::spec {

/// The three kinds of matrices that may have formats of their own.
enum class ModuleKind { dense, attention, experts };

/// Patterns as the checkpoints write them: names or parts of names between dots ("mlp.gate",
/// "model.layers.3.self_attn.q_proj"), with '*' ("model.layers.*.self_attn"), or "re:" and a regular expression, of
/// which '.*', classes, '\d+' and alternatives in parentheses are understood; other signs match nothing.
class ModulePatterns {
 public:
  void add(const std::string& pattern);
  /// True when at least half of `layers` layers have a module of this kind among the patterns.
  bool names(ModuleKind kind, int layers) const;

 private:
  void add_one(std::string pattern);
  bool matches(std::string_view module) const;
  std::set<std::string, std::less<>> parts_;  // without '*'
  std::vector<std::string> globs_;            // at most most_globs of them
};

}  // namespace ppplan::spec
