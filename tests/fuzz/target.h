// What every fuzz target has: one function that takes any bytes. It answers or throws InputError; everything else (a
// crash, another exception, a hang, gigabytes of memory) is a fault.
//
// With clang's libFuzzer (preset `fuzz`) the targets search by coverage; in the other builds replay.cpp runs the corpus
// and seeded mutations of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "planner/input/input_error.h"

namespace ppplan::fuzz {

/// Runs `read` on the bytes; an InputError is an answer.
template <typename Read>
int target(const std::uint8_t* data, std::size_t size, Read read) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    read(text);
  } catch (const input::InputError&) {
  }
  return 0;
}

}  // namespace ppplan::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
