// A file that is either as it was or wholly new, whatever ends the program or the machine in between.
#pragma once

#include <string>
#include <string_view>

namespace ppplan::input {

/// Writes `text` beside the file, has it stored, and gives it the file's name. What is no regular file (a pipe,
/// /dev/stdout) is written to as by write_text; a link keeps pointing where it does. Throws InputError when the place
/// can't be written; the file is then as it was.
void replace_text(const std::string& path, std::string_view text);

}  // namespace ppplan::input
