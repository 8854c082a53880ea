#include "exec/launch/admission.h"

#include <fmt/format.h>

#include <array>
#include <vector>

namespace ppplan::exec::launch {

namespace {

struct Record {
  std::uint64_t hash = 0;
  std::array<char, 504> fault{};  // ended by 0
};

}  // namespace

std::uint64_t text_hash(std::string_view text) {
  std::uint64_t out = 14695981039346656037ULL;
  for (const char c : text) out = (out ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return out;
}

void admit(Group& group, std::uint64_t hash, const std::string& fault) {
  Record own{hash, {}};
  fault.copy(own.fault.data(), own.fault.size() - 1);
  std::vector<Record> all(static_cast<std::size_t>(group.size()));
  group.all_gather(std::as_bytes(std::span(&own, 1)), std::as_writable_bytes(std::span(all)));
  for (std::size_t r = 0; r < all.size(); ++r)
    if (all[r].fault.front() != 0) throw GroupError(fmt::format("rank {} can't run: {}", r, all[r].fault.data()));
  for (std::size_t r = 1; r < all.size(); ++r)
    if (all[r].hash != all.front().hash)
      throw GroupError(
          fmt::format("rank {} has another plan or other settings than rank 0 (hash {:016x}, rank 0 {:016x})", r,
                      all[r].hash, all.front().hash));
}

void Readiness::admit(Group& group, std::uint64_t hash) const {
  try {
    launch::admit(group, hash, fault_);
  } catch (const GroupError&) {
    if (failure_) std::rethrow_exception(failure_);
    throw;
  }
}

}  // namespace ppplan::exec::launch
