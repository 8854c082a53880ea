// Ids of ops, of which there are nearly always few: up to three take no memory of their own. To get and to give back a
// piece of memory for each op takes as long as all the rest of making a large schedule.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <utility>
#include <vector>

namespace ppplan::schedule {

/// Index into Schedule::ops.
using OpId = int;

class OpList {
 public:
  using value_type = OpId;
  using iterator = OpId*;
  using const_iterator = const OpId*;

  OpList() = default;
  OpList(std::initializer_list<OpId> ids) { append(ids); }
  OpList(const std::vector<OpId>& ids) { append(ids); }
  OpList(const OpList& other) { append(other); }
  OpList(OpList&& other) noexcept { swap(other); }
  OpList& operator=(OpList other) noexcept {
    swap(other);
    return *this;
  }
  ~OpList() = default;

  OpId* begin() { return more_ ? more_.get() : few_.data(); }
  OpId* end() { return begin() + size_; }
  const OpId* begin() const { return more_ ? more_.get() : few_.data(); }
  const OpId* end() const { return begin() + size_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  OpId operator[](std::size_t i) const { return begin()[i]; }

  void push_back(OpId id) {
    // Memory is full at three, at eight, and then at every power of two.
    if (size_ == few_.size()) grow(8);
    if (size_ >= 8 && (size_ & (size_ - 1)) == 0) grow(2 * size_);
    begin()[size_++] = id;
  }
  void clear() {
    size_ = 0;
    more_.reset();
  }

  friend bool operator==(const OpList& a, const OpList& b) { return std::ranges::equal(a, b); }

 private:
  template <typename Ids>
  void append(const Ids& ids) {
    for (const OpId id : ids) push_back(id);
  }
  void grow(std::size_t capacity) {
    auto wider = std::make_unique<OpId[]>(capacity);
    if (more_)
      std::copy_n(more_.get(), size_, wider.get());
    else
      std::ranges::copy(few_, wider.get());
    more_ = std::move(wider);
  }
  void swap(OpList& other) noexcept {
    std::swap(size_, other.size_);
    std::swap(few_, other.few_);
    std::swap(more_, other.more_);
  }

  std::uint32_t size_ = 0;
  std::array<OpId, 3> few_{};
  std::unique_ptr<OpId[]> more_;  // all of them, when there are more than three
};

}  // namespace ppplan::schedule
