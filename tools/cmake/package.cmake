# `cmake --install` and cpack: the program with the libraries that it brings along, found from wherever it is unpacked.
# The machine gives its C library, and the driver's libcuda where there is one.
install(TARGETS ppplan RUNTIME_DEPENDENCY_SET brought RUNTIME DESTINATION bin)
install(RUNTIME_DEPENDENCY_SET brought
  PRE_EXCLUDE_REGEXES "^ld-linux" "^lib(c|m|dl|rt|pthread|resolv|util)\\.so" "^libcuda\\.so"
  LIBRARY DESTINATION lib)
install(FILES LICENSE DESTINATION .)
install(PROGRAMS tools/scripts/gpu_acceptance.sh DESTINATION .)
install(FILES tools/scripts/package_readme.txt DESTINATION . RENAME README.txt)
# As RPATH, which unlike RUNPATH holds for the libraries' own needs too.
set_target_properties(ppplan PROPERTIES INSTALL_RPATH "$ORIGIN/../lib")
target_link_options(ppplan PRIVATE -Wl,--disable-new-dtags)

set(CPACK_GENERATOR TGZ)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_FILE_NAME "ppplan-${PROJECT_VERSION}-${CMAKE_SYSTEM_PROCESSOR}")
include(CPack)
