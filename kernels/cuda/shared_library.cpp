#include "kernels/cuda/shared_library.h"

#include <dlfcn.h>

#include <cstdlib>

namespace ppplan::kernels::cuda {

SharedLibrary::SharedLibrary(LibraryNames names) : names_(std::move(names)) {
  const char* chosen = std::getenv(names_.variable.c_str());
  const std::vector<std::string> tried = chosen != nullptr ? std::vector<std::string>{chosen} : names_.names;
  std::string list, reason;
  for (const std::string& name : tried) {
    handle_ = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    loaded_as_ = name;
    if (handle_ != nullptr) return;
    const char* error = dlerror();
    if (reason.empty() && error != nullptr) reason = error;
    list += (list.empty() ? "" : ", ") + name;
  }
  throw LibraryMissing(names_.title + " was not found (tried " + list + ": " + reason + "); install " + names_.package +
                       ", or name the file in " + names_.variable);
}

void* SharedLibrary::address(const char* name) const {
  void* found = dlsym(handle_, name);
  if (found == nullptr)
    throw LibraryMissing(names_.title + " (" + loaded_as_ + ") lacks " + name + "; install a newer " + names_.package +
                         ", or name another file in " + names_.variable);
  return found;
}

}  // namespace ppplan::kernels::cuda
