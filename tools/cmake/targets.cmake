# The three ways a target is declared here, so that each folder's list is only its sources and what it links.

# ppplan_compile_options(TARGET): warnings and include root that every target of ours shares.
function(ppplan_compile_options target)
  # GCC 12 at -O3 sees overlaps in string concatenation that are not there (GCC bug 105329).
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wconversion $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
    $<$<BOOL:${PPPLAN_WERROR}>:-Werror>)
  target_include_directories(${target} PUBLIC ${CMAKE_SOURCE_DIR})
endfunction()

# ppplan_library(NAME SOURCES file... LINKS target...): static library ppplan_NAME with the alias ppplan::NAME.
function(ppplan_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS;PRIVATE_LINKS" ${ARGN})
  if(NOT ARG_SOURCES)
    add_library(ppplan_${name} INTERFACE)
    add_library(ppplan::${name} ALIAS ppplan_${name})
    target_link_libraries(ppplan_${name} INTERFACE ${ARG_LINKS})
    return()
  endif()
  add_library(ppplan_${name} STATIC ${ARG_SOURCES})
  add_library(ppplan::${name} ALIAS ppplan_${name})
  target_link_libraries(ppplan_${name} PUBLIC ${ARG_LINKS} PRIVATE ${ARG_PRIVATE_LINKS})
  ppplan_compile_options(ppplan_${name})
endfunction()

# ppplan_embed(TARGET NAMESPACE file...): adds to TARGET a source that defines
# `std::string_view NAMESPACE::embedded_file(std::string_view name)` and `embedded_names()` over the given files.
function(ppplan_embed target namespace)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${target}_embedded.cpp)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} -DNAMESPACE=${namespace} "-DFILES=${ARGN}"
            -P ${CMAKE_SOURCE_DIR}/tools/cmake/embed.cmake
    DEPENDS ${ARGN} ${CMAKE_SOURCE_DIR}/tools/cmake/embed.cmake
    VERBATIM)
  target_sources(${target} PRIVATE ${output})
endfunction()

# ppplan_test(NAME SOURCES file... LINKS target... [LABEL label] [WHOLE test]): a GoogleTest program; label `unit` unless
# told. WHOLE: one test of that name runs the program, for cases that share what takes long to make.
function(ppplan_test name)
  cmake_parse_arguments(ARG "" "LABEL;WHOLE" "SOURCES;LINKS" ${ARGN})
  if(NOT ARG_LABEL)
    set(ARG_LABEL unit)
  endif()
  add_executable(test_${name} ${ARG_SOURCES})
  target_link_libraries(test_${name} PRIVATE ${ARG_LINKS} ppplan::source_dir GTest::gtest GTest::gmock GTest::gtest_main)
  ppplan_compile_options(test_${name})
  if(ARG_WHOLE)
    add_test(NAME ${ARG_WHOLE} COMMAND test_${name})
    set_tests_properties(${ARG_WHOLE} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT 300)
  else()
    gtest_discover_tests(test_${name} DISCOVERY_TIMEOUT 60 PROPERTIES LABELS ${ARG_LABEL} TIMEOUT 300)
  endif()
endfunction()
