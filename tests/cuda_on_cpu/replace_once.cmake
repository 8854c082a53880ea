# replace_once(VARIABLE TEXT REPLACEMENT WHERE): in what the variable holds; TEXT must occur there once, WHERE says where
# else.
function(replace_once variable text replacement where)
  set(held "${${variable}}")
  string(FIND "${held}" "${text}" first)
  string(FIND "${held}" "${text}" last REVERSE)
  if(first EQUAL -1 OR NOT first EQUAL last)
    message(FATAL_ERROR "${where} does not hold this text once: ${text}")
  endif()
  string(REPLACE "${text}" "${replacement}" held "${held}")
  set(${variable} "${held}" PARENT_SCOPE)
endfunction()
