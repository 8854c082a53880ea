// Where a table comes from: project, commit and licence.
//
// The licence follows from the format. The commit is stated only of files whose bytes are those that were read when the
// shipped profiles were made; of any other file it is unknown and stays empty.
#pragma once

#include <string>
#include <string_view>

#include "traces/profile.h"

namespace ppplan::traces {

/// `format` is one of import_formats; csv files have a name only.
Source source_of(std::string_view format, const std::string& path);

}  // namespace ppplan::traces
