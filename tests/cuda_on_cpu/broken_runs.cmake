# The stream interpreter, broken on purpose, as sources made of exec/cuda/stream_run.{h,cpp} when CMake configures.
#
# broken_run(NAME TEXT REPLACEMENT): a copy in the namespace ppplan::exec::cuda::NAME with TEXT, which must occur once,
# replaced. All copies end in one source, ${broken_runs}; ${broken_runs_header} declares their classes.
set(broken_runs ${CMAKE_CURRENT_BINARY_DIR}/broken_runs.cpp)
set(broken_runs_header ${CMAKE_CURRENT_BINARY_DIR}/broken_runs.h)
set(broken_run_headers "")
set(broken_run_sources "")
function(broken_run name text replacement)
  set(folder ${CMAKE_SOURCE_DIR}/exec/cuda)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${folder}/stream_run.h ${folder}/stream_run.cpp)
  file(READ ${folder}/stream_run.h header)
  file(READ ${folder}/stream_run.cpp source)
  replace_once(source "${text}" "${replacement}" "broken_run ${name}: exec/cuda/stream_run.cpp")
  string(REPLACE "#pragma once" "" header "${header}")
  string(REPLACE "#include \"exec/cuda/stream_run.h\"" "" source "${source}")
  foreach(part header source)
    string(REPLACE "namespace ppplan::exec::cuda {" "namespace ppplan::exec::cuda::${name} {" ${part} "${${part}}")
    file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/${name}.${part}.inc CONTENT "@${part}@" @ONLY)
    set(broken_run_${part}s
        "${broken_run_${part}s}#include \"${CMAKE_CURRENT_BINARY_DIR}/${name}.${part}.inc\"\n" PARENT_SCOPE)
  endforeach()
endfunction()

# A stage computes before its input is there.
broken_run(without_wait_of_lane "  if (lane.stream) await_predecessors(index, lane.stream);\n" "")
# A message leaves before its stage has computed, or lands in a buffer that is still read.
broken_run(without_wait_of_sender "  if (lane.send_stream) await_predecessors(index, lane.send_stream);\n" "")
# The receiving side goes on while the sending side still writes.
broken_run(without_join_of_sides "  PPPLAN_CHECK(cudaStreamWaitEvent(lane.stream, marks.sent, 0));\n" "")
# All messages of an edge in one buffer, where the schedule counts on two.
broken_run(with_one_buffer_too_few "activity.slot, {" "0, {")
# Results are read while streams still run.
broken_run(without_last_barrier "  await_end({deadline_s});\n" "  (void)deadline_s;\n")
file(CONFIGURE OUTPUT ${broken_runs_header} CONTENT "#pragma once\n@broken_run_headers@" @ONLY)
file(CONFIGURE OUTPUT ${broken_runs} CONTENT "#include \"${broken_runs_header}\"\n@broken_run_sources@" @ONLY)
