#include "traces/import/sources.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>

#include "planner/input/document.h"

namespace ppplan::traces {
namespace {

struct Project {
  std::string_view format, name, commit, licence;
};

constexpr std::array projects = {Project{"vidur", "microsoft/vidur", "7d47513", "MIT"},
                                 Project{"aiconfigurator", "ai-dynamo/aiconfigurator", "095f58a51", "Apache-2.0"},
                                 Project{"llmservingsim", "casys-kaist/LLMServingSim", "5daddb2", "MIT"}};

/// Files of those commits, as CSV, that the shipped profiles were made from.
constexpr std::array<std::uint64_t, 14> known_files = {
    0x2cab0269c0d7a2bfu,  // h100_sxm.gemm_perf.csv
    0x60645ca30ebbb44au,  // h100_sxm.context_attention_perf.csv
    0x5032843d262a3b08u,  // h100_sxm.generation_attention_perf.csv
    0x9919d219b2578b5au,  // h100_sxm.custom_allreduce_perf.csv
    0x95e3a6c4cd6f579eu,  // a100_sxm.gemm_perf.csv
    0x4df68ffc58734c9eu,  // a100_sxm.context_attention_perf.csv
    0x0c287b4da8b40cc3u,  // a100_sxm.generation_attention_perf.csv
    0xb31f9d600ec5967cu,  // a100_sxm.custom_allreduce_perf.csv
    0xce869041709335bcu,  // l40s.gemm_perf.csv
    0x85e092df08597eefu,  // l40s.context_attention_perf.csv
    0x175ea8fb3af1ef13u,  // l40s.generation_attention_perf.csv
    0xbfa7d6840270fcf5u,  // l40s.custom_allreduce_perf.csv
    0xb4898aaada71f491u,  // h100_dgx.send_recv.csv
    0x8349ec67551a6aceu,  // a100_dgx.send_recv.csv
};

/// FNV-1a, 64 bits.
std::uint64_t fingerprint(std::string_view bytes) {
  std::uint64_t hash = 14695981039346656037u;
  for (char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211u;
  return hash;
}

}  // namespace

Source source_of(std::string_view format, const std::string& path) {
  const std::string file = std::filesystem::path(path).filename().string();
  const auto project =
      std::find_if(projects.begin(), projects.end(), [&](const Project& one) { return one.format == format; });
  if (project == projects.end()) return {file, "", ""};
  const std::uint64_t here = fingerprint(input::read_text(path));
  const bool known = std::find(known_files.begin(), known_files.end(), here) != known_files.end();
  std::string name(project->name);
  return {name.append(": ").append(file), known ? std::string(project->commit) : "", std::string(project->licence)};
}

}  // namespace ppplan::traces
