#include "exec/micro_batches.h"

#include <string>

#include "planner/input/input_error.h"

namespace ppplan::exec {

namespace {

[[noreturn]] void fail(std::size_t index, const std::string& expected, const std::string& found) {
  throw input::InputError("micro_batches", "/" + std::to_string(index), expected, found);
}

void check_continued(const std::vector<MicroBatch>& micro_batches, std::size_t index, std::vector<bool>& continued) {
  const spec::BatchShape& shape = micro_batches[index].shape;
  const int from = micro_batches[index].continues;
  if (from < -1 || from >= static_cast<int>(index)) fail(index, "an earlier one to continue", std::to_string(from));
  if (from == -1) return;
  const auto previous = static_cast<std::size_t>(from);
  if (continued[previous]) fail(index, "one that no other continues", std::to_string(from));
  continued[previous] = true;
  const spec::BatchShape& before = micro_batches[previous].shape;
  const int past = before.past_tokens + before.new_tokens;
  if (shape.sequences != before.sequences) {
    fail(index, std::to_string(before.sequences) + " sequences as in the one continued",
         std::to_string(shape.sequences));
  }
  if (shape.past_tokens != past) {
    fail(index, std::to_string(past) + " past tokens after the one continued", std::to_string(shape.past_tokens));
  }
}

}  // namespace

std::vector<MicroBatch> prefill_micro_batches(const std::vector<spec::BatchShape>& chunks, int count) {
  std::vector<MicroBatch> result;
  for (int k = 0; k < count; ++k) {
    const std::size_t chunk = static_cast<std::size_t>(k) % chunks.size();
    result.push_back({chunks[chunk], chunk == 0 ? -1 : k - 1});
  }
  return result;
}

std::vector<MicroBatch> decode_micro_batches(const spec::BatchShape& first, int cohorts, int rounds) {
  std::vector<MicroBatch> result;
  for (int k = 0; k < cohorts * rounds; ++k) {
    spec::BatchShape shape = first;
    shape.past_tokens += k / cohorts;
    result.push_back({shape, k < cohorts ? -1 : k - cohorts});
  }
  return result;
}

std::vector<int> chain_roots(const std::vector<MicroBatch>& micro_batches) {
  std::vector<int> roots;
  std::vector<bool> continued(micro_batches.size(), false);
  for (std::size_t index = 0; index < micro_batches.size(); ++index) {
    const spec::BatchShape& shape = micro_batches[index].shape;
    if (shape.sequences < 1 || shape.new_tokens < 1 || shape.past_tokens < 0) {
      fail(index, "at least one sequence and one new token", std::to_string(shape.tokens()) + " tokens");
    }
    check_continued(micro_batches, index, continued);
    const int from = micro_batches[index].continues;
    roots.push_back(from < 0 ? static_cast<int>(index) : roots[static_cast<std::size_t>(from)]);
  }
  return roots;
}

}  // namespace ppplan::exec
