// Stacks of their own for the threads of a block, and switches between them: what the double of CUDA's execution model
// runs threads on. A stack is started by ucontext; later switches save and restore registers alone, without the system
// calls for the signal mask that swapcontext() makes. AddressSanitizer is told of every switch.
#pragma once

#include <ucontext.h>

#include <cstddef>

namespace ppplan::cuda_on_cpu {

/// Where a thread of execution stands while another one runs.
struct Context {
  void* registers[5] = {};      // of __builtin_setjmp
  ucontext_t start = {};        // used once
  bool is_started = false;      // false: the next switch to it begins at its entry function
  const void* stack = nullptr;  // lowest address
  std::size_t stack_bytes = 0;
  void* sanitizer_stack = nullptr;
};

/// Leaves `from`, which a later switch resumes behind this call, for `to`.
void switch_context(Context& from, Context& to);

/// Fills in the bounds of the stack that the program itself runs on, from a fiber that was just entered for the first
/// time.
void first_entry(Context& program);

/// A fiber with a stack of its own below a guard page. Never freed while another fiber may switch to it.
class Fiber {
 public:
  explicit Fiber(void (*entry)());
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  Context& context() { return context_; }
  /// Forgets whatever runs on the stack: the next switch begins at the entry function again.
  void restart();

 private:
  void (*entry_)();
  Context context_;
};

}  // namespace ppplan::cuda_on_cpu
