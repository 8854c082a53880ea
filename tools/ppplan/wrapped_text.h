// Sentences in a terminal of 80 columns.
#pragma once

#include <string>

namespace ppplan::tools {

/// Breaks lines at blanks; the first one begins in column `indent`, the others are indented by as much.
std::string wrapped(const std::string& text, std::size_t indent);
/// `head`, then the text wrapped beside it, and a line's end.
std::string hanging_text(const std::string& head, const std::string& text);

}  // namespace ppplan::tools
