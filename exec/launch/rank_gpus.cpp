#include "exec/launch/rank_gpus.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <set>

#include "exec/groups/wire.h"

namespace ppplan::exec::launch {

namespace {

using Bytes = std::vector<std::byte>;

Bytes encoded(const RankGpu& gpu) {
  Bytes out;
  groups::append_text(out, gpu.host);
  groups::append_number(out, gpu.gpu);
  groups::append_text(out, gpu.name);
  groups::append_text(out, gpu.bus_id);
  groups::append_number(out, gpu.memory_bytes);
  groups::append_text(out, gpu.nccl);
  return out;
}

RankGpu decoded(std::span<const std::byte> bytes) {
  groups::WireReader reader(bytes);
  RankGpu out;
  out.host = reader.text();
  out.gpu = static_cast<int>(reader.number());
  out.name = reader.text();
  out.bus_id = reader.text();
  out.memory_bytes = reader.number();
  out.nccl = reader.text();
  return out;
}

}  // namespace

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

// Parts of one size, each as long as the longest.
std::vector<RankGpu> gathered_gpus(Group& group, const RankGpu& own) {
  Bytes mine = encoded(own);
  auto longest = static_cast<std::int64_t>(mine.size());
  group.all_reduce(std::as_writable_bytes(std::span(&longest, 1)), DataType::int64, Reduction::max);
  mine.resize(static_cast<std::size_t>(longest));
  Bytes all(mine.size() * static_cast<std::size_t>(group.size()));
  group.all_gather(mine, all);
  std::vector<RankGpu> out;
  for (std::size_t at = 0; at < all.size(); at += mine.size())
    out.push_back(decoded(std::span(all).subspan(at, mine.size())));
  return out;
}

bool share_gpus(const std::vector<RankGpu>& gpus) {
  std::set<std::pair<std::string, std::string>> seen;
  return std::any_of(gpus.begin(), gpus.end(), [&](const RankGpu& gpu) {
    return !seen.insert({gpu.host, gpu.bus_id}).second;
  });
}

void check_versions(const std::vector<RankGpu>& gpus) {
  for (std::size_t rank = 1; rank < gpus.size(); ++rank)
    if (gpus[rank].nccl != gpus.front().nccl)
      throw GroupError(fmt::format("rank {} on {} has NCCL {}, rank 0 on {} has {}", rank, gpus[rank].host,
                                   gpus[rank].nccl, gpus.front().host, gpus.front().nccl));
}

void set_nccl_environment(int rank, const std::vector<RankGpu>& gpus) {
  const auto set = [](const char* name, const std::string& value) { setenv(name, value.c_str(), 0); };
  set("NCCL_LAUNCH_ORDER_IMPLICIT", "1");
  if (!share_gpus(gpus)) return;
  set("NCCL_HOSTID", fmt::format("ppplan-rank-{}", rank));
  set("NCCL_NET", "Socket");
  set("NCCL_IB_DISABLE", "1");
  const bool one_host =
      std::all_of(gpus.begin(), gpus.end(), [&](const RankGpu& gpu) { return gpu.host == gpus.front().host; });
  if (one_host) set("NCCL_SOCKET_IFNAME", "lo");
  set("NCCL_MNNVL_ENABLE", "0");
  set("NCCL_NVLS_ENABLE", "0");
  set("NCCL_RAS_ENABLE", "0");
}

}  // namespace ppplan::exec::launch
