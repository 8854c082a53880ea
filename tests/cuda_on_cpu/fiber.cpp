#include "tests/cuda_on_cpu/fiber.h"

#include <sys/mman.h>

#include <new>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__  // clang's name for it
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
// Threads of a failed launch are left where they stand, with what they own.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() { return "detect_leaks=0"; }
#endif

namespace ppplan::cuda_on_cpu {
namespace {

constexpr std::size_t kGuardBytes = 4096;
constexpr std::size_t kStackBytes = 128 * 1024;

void announce(Context& from, const Context& to) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&from.sanitizer_stack, to.stack, to.stack_bytes);
#else
  static_cast<void>(from), static_cast<void>(to);
#endif
}

void arrived(const Context& at) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(at.sanitizer_stack, nullptr, nullptr);
#else
  static_cast<void>(at);
#endif
}

// Apart from switch_context(), since a jump may not stand in the function that set its target. Not instrumented: the
// sanitizer would take the jump for one that leaves the frames of this stack for good.
[[gnu::noinline, gnu::no_sanitize("address")]] void jump(Context& to) {
  if (!to.is_started) {
    to.is_started = true;
    setcontext(&to.start);
  }
  __builtin_longjmp(to.registers, 1);
}

}  // namespace

[[gnu::noinline]] void switch_context(Context& from, Context& to) {
  announce(from, to);
  from.is_started = true;
  if (__builtin_setjmp(from.registers) == 0) jump(to);
  arrived(from);
}

void first_entry(Context& program) {
#if defined(__SANITIZE_ADDRESS__)
  const void* stack = nullptr;
  std::size_t bytes = 0;
  __sanitizer_finish_switch_fiber(nullptr, &stack, &bytes);
  if (program.stack == nullptr) program.stack = stack, program.stack_bytes = bytes;
#else
  static_cast<void>(program);
#endif
}

Fiber::Fiber(void (*entry)()) : entry_(entry) {
  void* memory = mmap(nullptr, kGuardBytes + kStackBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  mprotect(memory, kGuardBytes, PROT_NONE);
  context_.stack = static_cast<char*>(memory) + kGuardBytes;
  context_.stack_bytes = kStackBytes;
  restart();
}

Fiber::~Fiber() {
  char* stack = static_cast<char*>(const_cast<void*>(context_.stack));
  munmap(stack - kGuardBytes, kGuardBytes + kStackBytes);
}

void Fiber::restart() {
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(context_.stack, kStackBytes);
#endif
  getcontext(&context_.start);
  context_.start.uc_stack.ss_sp = const_cast<void*>(context_.stack);
  context_.start.uc_stack.ss_size = kStackBytes;
  context_.start.uc_link = nullptr;
  makecontext(&context_.start, entry_, 0);
  context_.is_started = false;
  context_.sanitizer_stack = nullptr;
}

}  // namespace ppplan::cuda_on_cpu
