#include "tests/cuda_on_cpu/execution.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

#include "tests/cuda_on_cpu/fiber.h"

uint3 threadIdx;
uint3 blockIdx;
dim3 blockDim;
dim3 gridDim;

namespace ppplan::cuda_on_cpu {
namespace {

constexpr unsigned kMostThreads = 1024;
constexpr std::size_t kMostSharedBytes = 227 * 1024;  // of a block on compute capability 9.0

struct Thread {
  std::unique_ptr<Fiber> fiber;
  uint3 index = {};
  bool has_ended = false;
  const char* waits_in = nullptr;  // nullptr: may go on
  Site site;
  std::vector<Copy> copies;
  int group = 0;
};

/// Lanes of a warp on their way into one exchange.
struct Meeting {
  const char* name;
  Site site;
  unsigned arrived = 0;
  Lanes lanes;
};

bool is_same(const Site& a, const Site& b) {
  return a.line() == b.line() && a.column() == b.column() && std::strcmp(a.file_name(), b.file_name()) == 0;
}

void land(const Copy& copy) {
  std::memset(copy.to, 0, 16);
  std::memcpy(copy.to, copy.from, static_cast<std::size_t>(copy.valid));
}

class Machine {
 public:
  void seed(std::uint32_t seed) { random_.seed(seed); }
  void run(dim3 grid, dim3 block, std::size_t shared_bytes, const std::function<void()>& thread);
  std::uint64_t threads_run() const { return threads_run_; }

  [[noreturn]] void thread_loop();
  void barrier(const char* name, const Site& site);
  void meet(const char* name, unsigned mask, void* operand, void (*combine)(const Lanes&), const Site& site);
  [[noreturn]] void fail(const std::string& what);
  bool flips() { return draw(2) == 0; }
  Thread& thread() { return threads_[current_]; }
  void* shared() { return shared_.get(); }

 private:
  std::size_t draw(std::size_t below) { return static_cast<std::size_t>(random_()) * below >> 32; }
  void prepare(dim3 block);
  void run_block(std::size_t index);
  void go_on(std::size_t thread);
  /// Hands over to a thread that may go on, or to the program when there is none.
  void next();
  void end_thread();
  std::string where_threads_stand() const;
  std::string block_name() const;

  std::mt19937 random_{1};
  const std::function<void()>* body_ = nullptr;
  std::vector<Thread> threads_;  // grows, never shrinks
  std::size_t count_ = 0;        // threads of a block
  std::size_t current_ = 0;
  std::vector<std::size_t> ready_;
  std::size_t at_barrier_ = 0;
  std::size_t ended_ = 0;
  std::vector<std::vector<Meeting>> meetings_;  // of each warp
  Context program_;
  bool runs_ = false;
  std::string failure_;
  std::unique_ptr<void, decltype(&std::free)> shared_{nullptr, &std::free};
  std::size_t shared_bytes_ = 0;
  std::uint64_t threads_run_ = 0;
};

// Never destroyed: fibers refer to it until the program ends.
Machine& machine() {
  static Machine* const it = new Machine;
  return *it;
}

void enter_fiber() { machine().thread_loop(); }

std::string index_text(uint3 at) {
  return "(" + std::to_string(at.x) + "," + std::to_string(at.y) + "," + std::to_string(at.z) + ")";
}

std::string refused(dim3 grid, dim3 block, std::size_t shared_bytes) {
  const auto threads = std::uint64_t{block.x} * block.y * block.z;
  const auto of = [](dim3 d) { return index_text(uint3{d.x, d.y, d.z}); };
  if (threads == 0 || threads > kMostThreads || block.z > 64) return "a block of " + of(block) + " threads";
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > 0x7fffffffu || grid.y > 65535 || grid.z > 65535)
    return "a grid of " + of(grid) + " blocks";
  if (shared_bytes > kMostSharedBytes) return std::to_string(shared_bytes) + " bytes of shared memory";
  return "";
}

void Machine::run(dim3 grid, dim3 block, std::size_t shared_bytes, const std::function<void()>& thread) {
  if (runs_) throw ExecutionError("a kernel launches a kernel");
  const std::string reason = refused(grid, block, shared_bytes);
  if (!reason.empty()) throw ExecutionError("no GPU takes " + reason);
  body_ = &thread;
  gridDim = grid;
  prepare(block);
  void* memory = nullptr;
  if (posix_memalign(&memory, 128, std::max<std::size_t>(shared_bytes, 1)) != 0) throw std::bad_alloc();
  shared_.reset(memory);
  shared_bytes_ = shared_bytes;
  std::vector<std::size_t> blocks(std::size_t{grid.x} * grid.y * grid.z);
  std::iota(blocks.begin(), blocks.end(), std::size_t{0});
  std::shuffle(blocks.begin(), blocks.end(), random_);
  for (const std::size_t index : blocks) run_block(index);
}

void Machine::prepare(dim3 block) {
  blockDim = block;
  count_ = std::size_t{block.x} * block.y * block.z;
  while (threads_.size() < count_) threads_.emplace_back().fiber = std::make_unique<Fiber>(enter_fiber);
  for (std::size_t i = 0; i < count_; ++i) {
    const auto at = static_cast<unsigned>(i);
    threads_[i].index = {at % block.x, at / block.x % block.y, at / block.x / block.y};
  }
}

void Machine::run_block(std::size_t index) {
  const auto at = static_cast<unsigned>(index);
  blockIdx = {at % gridDim.x, at / gridDim.x % gridDim.y, at / gridDim.x / gridDim.y};
  std::memset(shared_.get(), 0xff, shared_bytes_);
  ready_.resize(count_);
  std::iota(ready_.begin(), ready_.end(), std::size_t{0});
  for (std::size_t i = 0; i < count_; ++i) {
    threads_[i].has_ended = false;
    threads_[i].waits_in = nullptr;
    threads_[i].copies.clear();
    threads_[i].group = 0;
  }
  at_barrier_ = ended_ = 0;
  meetings_.assign((count_ + 31) / 32, {});
  threads_run_ += count_;
  current_ = draw(count_);
  std::swap(ready_[current_], ready_.back());
  ready_.pop_back();
  threadIdx = thread().index;
  runs_ = true;
  switch_context(program_, thread().fiber->context());
  runs_ = false;
  if (failure_.empty()) return;
  for (std::size_t i = 0; i < count_; ++i)
    if (!threads_[i].has_ended) threads_[i].fiber->restart();
  throw ExecutionError(block_name() + std::exchange(failure_, ""));
}

void Machine::thread_loop() {
  first_entry(program_);
  for (;;) {
    std::string thrown;
    try {
      (*body_)();
    } catch (const std::exception& error) {
      thrown = error.what();
    }
    if (!thrown.empty()) fail("a thread throws: " + thrown);
    end_thread();
  }
}

void Machine::end_thread() {
  thread().has_ended = true;
  ++ended_;
  next();
}

void Machine::go_on(std::size_t thread) {
  threads_[thread].waits_in = nullptr;
  ready_.push_back(thread);
}

void Machine::next() {
  Context& from = thread().fiber->context();
  if (ready_.empty()) {
    if (ended_ < count_) failure_ = where_threads_stand();
    switch_context(from, program_);
    return;
  }
  const std::size_t pick = draw(ready_.size());
  std::swap(ready_[pick], ready_.back());
  const std::size_t chosen = ready_.back();
  ready_.pop_back();
  const bool stays = chosen == current_ && !thread().has_ended;
  current_ = chosen;
  threadIdx = thread().index;
  if (!stays) switch_context(from, thread().fiber->context());
}

void Machine::barrier(const char* name, const Site& site) {
  thread().waits_in = name;
  thread().site = site;
  if (++at_barrier_ == count_) {
    for (std::size_t i = 0; i < count_; ++i)
      if (!is_same(threads_[i].site, site)) fail(where_threads_stand());
    at_barrier_ = 0;
    for (std::size_t i = 0; i < count_; ++i) go_on(i);
  }
  next();
}

void Machine::meet(const char* name, unsigned mask, void* operand, void (*combine)(const Lanes&), const Site& site) {
  const std::size_t lane = current_ % 32;
  const std::size_t warp = current_ / 32;
  if ((mask >> lane & 1u) == 0)
    fail("lane " + std::to_string(lane) + " is not in the mask of its own " + name + " at " + text_of(site));
  std::vector<Meeting>& meetings = meetings_[warp];
  auto meeting = std::find_if(meetings.begin(), meetings.end(), [&](const Meeting& m) { return m.lanes.mask == mask; });
  if (meeting == meetings.end()) meeting = meetings.insert(meeting, Meeting{name, site, 0, {mask, {}}});
  thread().waits_in = name;
  thread().site = site;
  if (std::strcmp(meeting->name, name) != 0 || !is_same(meeting->site, site)) fail(where_threads_stand());
  meeting->lanes.operand[lane] = operand;
  meeting->arrived |= 1u << lane;
  if (meeting->arrived == mask) {
    const Lanes lanes = meeting->lanes;
    meetings.erase(meeting);
    combine(lanes);
    for (std::size_t i = 0; i < 32; ++i)
      if (lanes.has(static_cast<int>(i))) go_on(warp * 32 + i);
  }
  next();
}

void Machine::fail(const std::string& what) {
  failure_ = what;
  switch_context(thread().fiber->context(), program_);
  std::terminate();  // a failed launch is never resumed
}

std::string Machine::block_name() const { return "block " + index_text(blockIdx) + ": "; }

std::string Machine::where_threads_stand() const {
  struct Place {
    std::size_t threads = 0;
    uint3 first = {};
  };
  std::map<std::string, Place> places;
  for (std::size_t i = 0; i < count_; ++i) {
    const Thread& thread = threads_[i];
    if (!thread.has_ended && thread.waits_in == nullptr) continue;
    const std::string place = thread.has_ended
                                  ? std::string("ended")
                                  : std::string("wait in ") + thread.waits_in + " at " + text_of(thread.site);
    Place& at = places[place];
    if (at.threads++ == 0) at.first = thread.index;
  }
  std::string out;
  for (const auto& [place, at] : places) {
    out += (out.empty() ? "" : "; ") + std::to_string(at.threads) + " threads " + place + ", the first is " +
           index_text(at.first);
  }
  return out;
}

}  // namespace

void set_thread_order(std::uint32_t seed) { machine().seed(seed); }
void run_grid(dim3 grid, dim3 block, std::size_t shared_bytes, const std::function<void()>& thread) {
  machine().run(grid, block, shared_bytes, thread);
}
std::uint64_t threads_run() { return machine().threads_run(); }
void block_barrier(const char* name, const Site& site) { machine().barrier(name, site); }
void meet(const char* name, unsigned mask, void* operand, void (*combine)(const Lanes&), const Site& site) {
  machine().meet(name, mask, operand, combine, site);
}
void fail(const std::string& what) { machine().fail(what); }

void start_copy(const Copy& copy) {
  if (machine().flips()) return land(copy);
  Thread& thread = machine().thread();
  thread.copies.push_back(copy);
  thread.copies.back().group = thread.group;
}
void commit_copies() { ++machine().thread().group; }
void wait_copies(int pending) {
  Thread& thread = machine().thread();
  std::erase_if(thread.copies, [&](const Copy& copy) {
    const bool is_due = copy.group < thread.group - pending;
    if (is_due) land(copy);
    return is_due;
  });
}

int lane_index() {
  return static_cast<int>((threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)) % 32);
}
void* shared_memory() { return machine().shared(); }

namespace {
LaunchTaker launch_taker = nullptr;
}
void take_launches(LaunchTaker taker) { launch_taker = taker; }
void submit(void* stream, Launch launch) {
  if (launch_taker != nullptr) return launch_taker(stream, std::move(launch));
  launch();
}

}  // namespace ppplan::cuda_on_cpu
