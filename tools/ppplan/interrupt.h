// Ctrl-C during a search asks for the best so far.
#pragma once

#include <atomic>
#include <csignal>

namespace ppplan::tools {

/// Set by the first Ctrl-C while an Interruptible lives; a second one ends the program.
const std::atomic<bool>& interrupted();

class Interruptible {
 public:
  Interruptible();
  ~Interruptible();
  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;

 private:
  struct sigaction before_ {};
};

}  // namespace ppplan::tools
