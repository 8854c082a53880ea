// A plan as the words of a vLLM server's command, and which of a node's cards it takes.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "planner/spec/plan.h"

namespace ppplan::engines {

/// "--max-num-seqs", "256": flags with their values, the model not included.
using Words = std::vector<std::string>;

/// The release that the plan was made for.
std::string plan_version(const spec::Plan& plan);

/// Sizes, limits and formats, as the plan's release spells them; nothing about nodes.
Words server_flags(const spec::Plan& plan);

/// Devices of the plan by rank: replica, then stage, then tensor-parallel rank. Indices into the cluster's devices;
/// empty where the plan names none.
std::vector<int> devices_by_rank(const spec::Plan& plan);
/// Nodes in the order in which the ranks first reach them; one node where the plan names no devices.
std::vector<int> nodes_by_rank(const spec::Plan& plan);
/// Indices of the plan's cards within `node`, in the order of their ranks, as CUDA counts them under PCI_BUS_ID.
std::vector<int> visible_devices(const spec::Plan& plan, int node);

/// CUDA_DEVICE_ORDER and CUDA_VISIBLE_DEVICES; empty where the cards are the first of their node, in order, and all of
/// the node are of one kind.
std::map<std::string, std::string> device_environment(const spec::Plan& plan, int node);
/// VLLM_PP_LAYER_PARTITION, where there is more than one stage.
std::map<std::string, std::string> engine_environment(const spec::Plan& plan);

/// "0,1,2".
std::string joined(const std::vector<int>& numbers);
/// Words as one line of a POSIX shell.
std::string shell_words(const Words& words);
/// "A=1 B='x y' ", with the blank at its end.
std::string shell_environment(const std::map<std::string, std::string>& env);

}  // namespace ppplan::engines
