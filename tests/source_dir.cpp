#include "tests/source_dir.h"

namespace ppplan::tests {

std::string source_dir() { return PPPLAN_SOURCE_DIR; }

}  // namespace ppplan::tests
