#include "planner/input/replace_text.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

#include "planner/input/document.h"
#include "planner/input/input_error.h"

namespace ppplan::input {
namespace {

namespace fs = std::filesystem;

bool write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(file, text.data(), text.size());
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

/// Whether all of it is stored: a new name must not reach the disk before what it names.
bool stored(const std::string& path, std::string_view text) {
  constexpr mode_t kMode = 0666;  // less what the umask takes
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kMode);
  if (file < 0) return false;
  const bool whole = write_all(file, text) && ::fsync(file) == 0;
  return ::close(file) == 0 && whole;
}

}  // namespace

void replace_text(const std::string& path, std::string_view text) {
  std::error_code failed;
  if (fs::exists(path, failed) && !fs::is_regular_file(path, failed)) return write_text(path, text);
  const fs::path target = fs::weakly_canonical(path, failed);
  const std::string beside = (failed ? fs::path(path) : target).string() + "." + std::to_string(::getpid());
  if (stored(beside, text)) {
    fs::rename(beside, failed ? fs::path(path) : target, failed);
    if (!failed) return;
  }
  fs::remove(beside, failed);
  throw InputError(path, "", "a place that can be written", "one that cannot");
}

}  // namespace ppplan::input
