#include "tests/tools/command.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace ppplan::tests {
namespace {

/// Made at the first use, removed when the program ends.
class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / ("ppplan-test-" + std::to_string(getpid()))) {
    std::filesystem::create_directories(path_);
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::string content(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

}  // namespace

std::string scratch(const std::string& file) {
  static const Folder folder;
  return (folder.path() / file).string();
}

Outcome ppplan(const std::string& arguments) {
  const std::string out = scratch("stdout"), err = scratch("stderr");
  const std::string line = std::string(PPPLAN_PROGRAM) + " " + arguments + " >" + out + " 2>" + err + " </dev/null";
  const int ended = std::system(line.c_str());  // NOLINT: the shell is wanted
  Outcome outcome;
  outcome.status = WIFEXITED(ended) ? WEXITSTATUS(ended) : -1;
  outcome.out = content(out);
  outcome.err = content(err);
  return outcome;
}

}  // namespace ppplan::tests
