#include "tools/ppplan/wrapped_text.h"

#include <algorithm>

namespace ppplan::tools {

std::string wrapped(const std::string& text, std::size_t indent) {
  std::string out;
  std::size_t column = indent;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const bool breaks = column > indent && column + 1 + end - at > 80;
    if (breaks) column = indent;
    if (!out.empty()) out += breaks ? "\n" + std::string(indent, ' ') : " ";
    out.append(text, at, end - at);
    column += end - at + 1;
    at = end + 1;
  }
  return out;
}

std::string hanging_text(const std::string& head, const std::string& text) {
  return head + wrapped(text, head.size()) + "\n";
}

}  // namespace ppplan::tools
