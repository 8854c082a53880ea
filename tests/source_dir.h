// Where the checkout lies that these tests were built from. Only source_dir.cpp is compiled with that path, so that
// every other object of the tests is the same in any checkout.
#pragma once

#include <string>

namespace ppplan::tests {

/// Without a slash at the end.
std::string source_dir();

}  // namespace ppplan::tests
