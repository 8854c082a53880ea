#include "tools/ppplan/context.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace ppplan::tools {

void print_json(const input::Json& document) {
  const std::string text = document.dump(2) + "\n";
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void print_text(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void note(const Context& context, std::string_view sentence) {
  if (!context.quiet) fmt::print(stderr, "ppplan: {}\n", sentence);
}

Progress::Progress(const Context& context, std::string what)
    : what_(std::move(what)), shown_(!context.quiet && isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() {
  if (drawn_) fmt::print(stderr, "\r\x1b[K");
}

void Progress::update(double fraction, std::string_view detail) {
  if (!shown_) return;
  const int permille = std::clamp(static_cast<int>(fraction * 1000), 0, 1000);
  if (permille == last_permille_) return;
  last_permille_ = permille;
  constexpr int width = 30;
  const auto filled = static_cast<std::size_t>(width * permille / 1000);
  const std::string bar = std::string(filled, '#') + std::string(width - filled, '.');
  fmt::print(stderr, "\r\x1b[K{} [{}] {:3d} % {:.30}", what_, bar, permille / 10, detail);
  std::fflush(stderr);
  drawn_ = true;
}

}  // namespace ppplan::tools
