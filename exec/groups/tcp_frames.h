// What ranks tell each other over sockets beside their data: frames of a length (8 bytes, lowest first) and a payload.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>
#include <optional>
#include <string>
#include <vector>

#include "exec/groups/wire.h"

namespace ppplan::exec::groups {

using asio::ip::tcp;
using Frame = std::vector<std::byte>;

/// Throws std::system_error of the socket and GroupError for a length that no frame of ours has.
asio::awaitable<Frame> read_frame(tcp::socket& socket);
/// With its length in front.
Frame framed(const Frame& payload);

/// How a rank presents itself to rank 0.
struct Hello {
  std::string version;
  int size = 0;
  int rank = 0;
  std::uint16_t port = 0;  // where it takes data connections
};
Frame encode(const Hello& hello);
/// Nothing when another program speaks.
std::optional<Hello> decode_hello(const Frame& frame);

/// What rank 0 answers: where all ranks are, or why the run can't start.
struct Welcome {
  std::string refusal;                 // empty when the run starts
  std::int64_t token = 0;              // of this run: a data connection that lacks it belongs to another one
  std::vector<std::string> addresses;  // [rank]; empty for rank 0, which all others have reached already
  std::vector<std::uint16_t> ports;    // [rank]
};
Frame encode(const Welcome& welcome);
Welcome decode_welcome(const Frame& frame);

/// How a data connection presents itself.
struct DataHello {
  std::int64_t token = 0;
  std::string group;
  int made = 0;  // groups of this name that were made before
  int from = 0;  // rank of the run
  std::vector<int> ranks;
};
Frame encode(const DataHello& hello);
DataHello decode_data_hello(const Frame& frame);

enum class ControlKind { heartbeat, report, verdict, goodbye };
/// What travels between rank 0 and another rank while the run goes on.
struct ControlFrame {
  ControlKind kind = ControlKind::heartbeat;
  std::string text;                            // of a report or verdict
  std::optional<int> rank = {};                // whose connection a report found lost; who says goodbye
  std::vector<std::int64_t> connections = {};  // [rank] that the one who says goodbye has made
};
Frame encode(const ControlFrame& frame);
ControlFrame decode_control(const Frame& frame);

}  // namespace ppplan::exec::groups
