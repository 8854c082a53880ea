// Libraries that are looked for when they are needed: the program starts without them.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace ppplan::kernels::cuda {

/// The sentence names the library, where it was looked for and how to have it found.
class LibraryMissing : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct LibraryNames {
  std::string title;               // "cuBLASLt"
  std::string variable;            // of the environment; its value, when set, is the only name that is tried
  std::vector<std::string> names;  // for the dynamic linker, the best first
  std::string package;             // what brings it: "the CUDA toolkit's cuBLAS"
};

/// Stays loaded for good.
class SharedLibrary {
 public:
  /// Throws LibraryMissing.
  explicit SharedLibrary(LibraryNames names);
  /// Throws LibraryMissing for a function that the library lacks.
  template <typename Function>
  void find(const char* name, Function& function) const {
    function = reinterpret_cast<Function>(address(name));
  }
  const std::string& loaded_as() const { return loaded_as_; }

 private:
  void* address(const char* name) const;
  LibraryNames names_;
  std::string loaded_as_;
  void* handle_ = nullptr;
};

}  // namespace ppplan::kernels::cuda
