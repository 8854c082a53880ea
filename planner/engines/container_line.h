// A `docker run` command in front of a vLLM server's arguments.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace ppplan::engines {

struct ContainerLine {
  std::string image;
  std::map<std::string, std::string> env;  // -e NAME=value; NVIDIA_VISIBLE_DEVICES of --gpus "device=0,1"
  std::vector<std::string> arguments;      // behind the image, without an entry point's own words
};

/// `words` follow "docker run".
ContainerLine read_container(const std::vector<std::string>& words);

}  // namespace ppplan::engines
