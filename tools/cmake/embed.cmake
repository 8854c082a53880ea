# Writes OUTPUT: a C++ source that holds each of FILES as text, looked up by file name.
set(rows "")
set(names "")
foreach(file IN LISTS FILES)
  get_filename_component(name ${file} NAME)
  file(READ ${file} text)
  string(LENGTH "${text}" length)
  # A literal above 64 KiB is split: the standard promises no more, and adjacent literals join.
  set(literal "")
  set(at 0)
  while(at LESS length)
    string(SUBSTRING "${text}" ${at} 60000 piece)
    string(APPEND literal "R\"ppplan_data(${piece})ppplan_data\"\n")
    math(EXPR at "${at} + 60000")
  endwhile()
  string(APPEND rows "  if (name == \"${name}\") return ${literal};\n")
  string(APPEND names "\"${name}\", ")
endforeach()
file(WRITE ${OUTPUT} "#include <string_view>
#include <vector>
namespace ${NAMESPACE} {
std::string_view embedded_file(std::string_view name);
std::vector<std::string_view> embedded_names();
std::string_view embedded_file(std::string_view name) {
${rows}  return {};
}
std::vector<std::string_view> embedded_names() { return {${names}}; }
}  // namespace ${NAMESPACE}
")
