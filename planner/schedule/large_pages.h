// Memory in large pages, for tables that are filled once from end to end: a schedule of 128 ranks and 1,024
// micro-batches has 200 MB of ops, and the page faults of small pages took two fifths of making it.
#pragma once

#include <cstddef>

namespace ppplan::schedule {

/// Asks the system to back the `bytes` from `memory` on, none of which was touched yet, by large pages. A wish: where
/// the system has none, nothing changes.
void ask_for_large_pages(void* memory, std::size_t bytes);

}  // namespace ppplan::schedule
