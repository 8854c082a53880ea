// Bad input of any kind, told in one sentence that names the file, the place in it, what was expected and what was
// found. Caught only in tools/ppplan, which prints the sentence and exits 2.
#pragma once

#include <stdexcept>
#include <string>

namespace ppplan::input {

class InputError : public std::runtime_error {
 public:
  /// A complete sentence without a trailing period, for input that has no file (a flag: "--gpus: ...").
  explicit InputError(const std::string& sentence) : std::runtime_error(sentence) {}

  /// `source` is a file name or a flag, `place` a JSON pointer, "line 7" or "" for the whole of it.
  /// what() reads "SOURCE: PLACE: expected EXPECTED, found FOUND".
  InputError(const std::string& source, const std::string& place, const std::string& expected,
             const std::string& found);
};

}  // namespace ppplan::input
