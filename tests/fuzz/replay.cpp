// Runs a fuzz target without libFuzzer: replay TARGET_CORPUS SECONDS [SEED]. First every file of the corpus, then
// seeded mutations and splices of them until the time is up. An input that takes longer than ten seconds, or more than
// four GiB of address space, ends the program; the input at hand is then in a file that the last line names.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "tests/fuzz/target.h"

namespace {

// AddressSanitizer reserves terabytes of addresses. GCC says so by a macro, Clang by a feature.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool sanitized = true;
#elif defined(__has_feature)
constexpr bool sanitized = __has_feature(address_sanitizer);
#else
constexpr bool sanitized = false;
#endif

using Random = std::mt19937_64;
using Clock = std::chrono::steady_clock;

constexpr unsigned longest_s = 10;
constexpr rlim_t most_bytes = rlim_t{4} << 30;
constexpr std::size_t longest_input = 1 << 20;

/// What the signal handler writes out.
std::string at_hand;
std::string last_input;  // path

extern "C" void keep_input(int signal) {
  if (std::FILE* file = std::fopen(last_input.c_str(), "wb")) {
    std::fwrite(at_hand.data(), 1, at_hand.size(), file);
    std::fclose(file);
  }
  std::fprintf(stderr, "signal %d; the input is in %s\n", signal, last_input.c_str());
  std::_Exit(1);
}

void run(std::string input) {
  at_hand = std::move(input);
  alarm(longest_s);
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(at_hand.data()), at_hand.size());
  alarm(0);
}

std::vector<std::string> read_corpus(const std::string& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> inputs;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return inputs;
}

std::size_t below(std::size_t count, Random& random) { return static_cast<std::size_t>(random() % count); }

/// Pieces that readers react to.
const std::string& piece(Random& random) {
  static const std::vector<std::string> pieces = {
      "0", "-1", "1e308", "99999999999999999999", "null", "[]", "{}", "\"\"", "\"x\":", "true", ",", "\n", "\r\n", "\t",
      "MiB", "GiB", "|", "--", "=", "'", "\"", "\\", "\xff", "\x1b[4m", std::string(1, '\0'), "NV12", "X", "%s", "nan",
      "inf", "0x10", "1_0", "-pp", "Worker_PP1", "[[[[[[[[[[[[[[[[", "{\"a\":{\"a\":{\"a\":"};
  return pieces[below(pieces.size(), random)];
}

std::string mutated(const std::vector<std::string>& corpus, Random& random) {
  std::string text = corpus[below(corpus.size(), random)];
  for (std::size_t times = 1 + below(6, random); times > 0; --times) {
    const std::size_t at = below(text.size() + 1, random);
    const std::string& other = corpus[below(corpus.size(), random)];
    switch (below(6, random)) {
      case 0:
        if (at < text.size()) text[at] = static_cast<char>(random());
        break;
      case 1:
        text.erase(at, 1 + below(32, random));
        break;
      case 2:
        text.insert(at, text.substr(at, 1 + below(64, random)));
        break;
      case 3:
        text.insert(at, piece(random));
        break;
      case 4:
        text.insert(at, other.substr(below(other.size() + 1, random), below(200, random)));
        break;
      default:
        if (below(6, random) == 0) text.resize(at);
    }
  }
  if (text.size() > longest_input) text.resize(longest_input);
  return text;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) return std::fprintf(stderr, "replay CORPUS SECONDS [SEED]\n"), 2;
  const double seconds = std::atof(arguments[2]);
  Random random(count > 3 ? std::strtoull(arguments[3], nullptr, 10) : 20261124);
  last_input = "fuzz-input-" + std::to_string(getpid());
  for (const int signal : {SIGSEGV, SIGABRT, SIGALRM, SIGFPE, SIGBUS}) std::signal(signal, keep_input);
  if (!sanitized) {
    const rlimit limit{most_bytes, most_bytes};
    setrlimit(RLIMIT_AS, &limit);
  }
  const std::vector<std::string> corpus = read_corpus(arguments[1]);
  if (corpus.empty()) return std::fprintf(stderr, "no corpus in %s\n", arguments[1]), 2;
  for (const std::string& input : corpus) run(input);
  long runs = 0;
  for (const auto start = Clock::now(); std::chrono::duration<double>(Clock::now() - start).count() < seconds; ++runs)
    run(mutated(corpus, random));
  std::printf("%zu files and %ld mutations of them: answers and input errors only\n", corpus.size(), runs);
  return 0;
}
