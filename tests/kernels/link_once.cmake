# Fails when one of OBJECTS defines a symbol that the linker may merge with another object's and whose name does not carry
# VARIANT: code for one instruction set would then serve every CPU.
execute_process(COMMAND ${NM} -C --defined-only ${OBJECTS} OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
string(REPLACE ";" "," text "${text}")
string(REPLACE "\n" ";" lines "${text}")
set(shared "")
foreach(line IN LISTS lines)
  # DW.ref names the unwinder's data, which is the same for all.
  if(line MATCHES " [WVu] " AND NOT line MATCHES "${VARIANT}" AND NOT line MATCHES "DW\\.ref\\.")
    list(APPEND shared "${line}")
  endif()
endforeach()
if(shared)
  message(FATAL_ERROR "merged across instruction sets: ${shared}")
endif()
