// The catalog's name for a card, from what its driver calls it.
#pragma once

#include <string>

namespace ppplan::tools {

/// The driver's own name where the catalog has no such card.
std::string catalog_name(const std::string& driver_name);
/// Whether the catalog has a card of this name.
bool is_in_catalog(const std::string& name);

}  // namespace ppplan::tools
