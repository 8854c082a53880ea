// Names of the catalog's models, and other spellings that people write for the same weights.
//
// A name that the catalog does not list is taken apart: the organisation before the '/', an ending that names a
// quantization ("-AWQ", "-FP8-dynamic") and one that names a tuning ("-Instruct"). What is left must be a model of the
// catalog. Dimensions are that model's, the quantization is the ending's, and a note says what was assumed. The endings
// are data: models.json, member "endings".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "planner/input/document.h"
#include "planner/spec/config_dtype.h"

namespace ppplan::spec {

/// A model of the catalog under one of its names.
struct CatalogModel {
  input::Node entry;                    // of models.json
  input::Json config;                   // the entry's, with what the named checkpoint states otherwise
  std::vector<std::string> notes = {};  // what the name made us assume, one sentence each
  std::string wide_attention = {};      // models whose attention such a name may leave in 16 bits: "", "all", "states"
                                        // (some layers keep a state), "experts or states"
};

/// A name as the catalog lists it, else one taken apart as above; nothing when neither leads to a model.
std::optional<CatalogModel> catalog_model(const std::string& name);
/// Only as the catalog lists it: id, preset or checkpoint.
std::optional<CatalogModel> listed_model(const std::string& name);
/// All listed names, sorted.
std::vector<std::string> listed_names();

/// The listed names that may be `word` misspelt: the same numbers (versions, sizes) in any order, and the same words,
/// each but for one letter in three. Another family or size is no misspelling.
std::vector<std::string> possibly_meant(const std::string& word);

/// A quantized checkpoint that the catalog lists beside a model.
struct ListedCheckpoint {
  std::string id;
  WeightFormats formats;
};
/// The first one of `name`'s entry most of whose weights (experts, or dense blocks) are in `dtype`.
std::optional<ListedCheckpoint> listed_checkpoint(const std::string& name, DType dtype);

}  // namespace ppplan::spec
