// The ranks of a job make sure that they run the same thing before they start.
#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <string_view>

#include "exec/group.h"

namespace ppplan::exec::launch {

/// A number that texts share only when they are equal, but for chance: 64-bit FNV-1a (Fowler, Noll, Vo).
std::uint64_t text_hash(std::string_view text);

/// Every rank of the group calls it with the hash of what it is to run and why it can't ("" when it can; the first 500
/// bytes count). Throws the same GroupError on every rank when one can't, or runs something else than rank 0.
void admit(Group& group, std::uint64_t hash, const std::string& fault);

/// Whether a rank has what its run needs. One that lacks it still meets the others, so that they hear of it.
class Readiness {
 public:
  /// Calls `prepare`; what it throws is kept for admit().
  template <typename Prepare>
  void prepare(Prepare&& prepare) {
    try {
      prepare();
    } catch (const std::exception& error) {
      fault_ = error.what();
      failure_ = std::current_exception();
    }
  }
  /// As the function. A rank that was not prepared itself throws what it kept instead of the GroupError.
  void admit(Group& group, std::uint64_t hash) const;

 private:
  std::string fault_;
  std::exception_ptr failure_;
};

}  // namespace ppplan::exec::launch
