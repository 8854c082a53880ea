// Plans, models and clusters as documents: `ppplan/plan/1` and `ppplan/cluster/1`. A plan document holds all of its
// inputs (model, cluster, workload, costs), so that it can be run, explained and verified without any other file.
#pragma once

#include "planner/input/document.h"
#include "planner/spec/plan.h"

namespace ppplan::spec {

input::Json to_json(const Plan& plan);
/// Throws InputError. Reads a plan document, or the first plan of a search document.
Plan plan_from_json(const input::Node& node);

/// Corrections as plans and `ppplan/calibration/1` hold them.
input::Json to_json(const std::vector<Correction>& corrections);
std::vector<Correction> corrections_from_json(const input::Node& list);

input::Json to_json(const ClusterSpec& cluster);
ClusterSpec cluster_from_json(const input::Node& node);

input::Json to_json(const ModelSpec& model);
ModelSpec model_from_json(const input::Node& node);

}  // namespace ppplan::spec
