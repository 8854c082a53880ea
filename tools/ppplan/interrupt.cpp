#include "tools/ppplan/interrupt.h"

namespace ppplan::tools {
namespace {

std::atomic<bool> flag{false};
extern "C" void on_interrupt(int) { flag.store(true); }

}  // namespace

const std::atomic<bool>& interrupted() { return flag; }

Interruptible::Interruptible() {
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  sigaction(SIGINT, &action, &before_);
}
Interruptible::~Interruptible() { sigaction(SIGINT, &before_, nullptr); }

}  // namespace ppplan::tools
