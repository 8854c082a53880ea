#include "exec/groups/tcp_frames.h"

#include <asio/buffer.hpp>
#include <asio/read.hpp>
#include <asio/use_awaitable.hpp>

#include "exec/group.h"

namespace ppplan::exec::groups {
namespace {

// A table of some ten thousand ranks, or a long message; more is not from us.
constexpr std::int64_t most_bytes = 4 << 20;
// Changes when the frames change, so that programs that don't understand each other say so.
constexpr const char* greeting = "ppplan ranks 1";

int as_int(std::int64_t value) { return static_cast<int>(value); }

template <typename T>
void append_list(Frame& out, const std::vector<T>& values) {
  append_number(out, static_cast<std::int64_t>(values.size()));
  for (T value : values) append_number(out, static_cast<std::int64_t>(value));
}

template <typename T>
std::vector<T> read_list(WireReader& reader) {
  std::vector<T> out;
  for (std::int64_t left = reader.number(); left > 0; --left) out.push_back(static_cast<T>(reader.number()));
  return out;
}

}  // namespace

asio::awaitable<Frame> read_frame(tcp::socket& socket) {
  Frame out(8);
  co_await asio::async_read(socket, asio::buffer(out), asio::use_awaitable);
  const std::int64_t length = WireReader(out).number();
  if (length < 0 || length > most_bytes) throw GroupError("a frame of " + std::to_string(length) + " bytes");
  out.resize(static_cast<std::size_t>(length));
  co_await asio::async_read(socket, asio::buffer(out), asio::use_awaitable);
  co_return out;
}

Frame framed(const Frame& payload) {
  Frame out;
  append_number(out, static_cast<std::int64_t>(payload.size()));
  out.insert(out.end(), payload.begin(), payload.end());
  return out;
}

Frame encode(const Hello& hello) {
  Frame out;
  append_text(out, greeting);
  append_text(out, hello.version);
  append_number(out, hello.size);
  append_number(out, hello.rank);
  append_number(out, hello.port);
  return out;
}

std::optional<Hello> decode_hello(const Frame& frame) {
  try {
    WireReader reader(frame);
    if (reader.text() != greeting) return std::nullopt;
    Hello out;
    out.version = reader.text();
    out.size = as_int(reader.number());
    out.rank = as_int(reader.number());
    out.port = static_cast<std::uint16_t>(reader.number());
    return out;
  } catch (const GroupError&) {
    return std::nullopt;
  }
}

Frame encode(const Welcome& welcome) {
  Frame out;
  append_text(out, welcome.refusal);
  append_number(out, welcome.token);
  append_list(out, welcome.ports);
  for (const std::string& address : welcome.addresses) append_text(out, address);
  return out;
}

Welcome decode_welcome(const Frame& frame) {
  WireReader reader(frame);
  Welcome out;
  out.refusal = reader.text();
  out.token = reader.number();
  out.ports = read_list<std::uint16_t>(reader);
  for (std::size_t i = 0; i < out.ports.size(); ++i) out.addresses.push_back(reader.text());
  return out;
}

Frame encode(const DataHello& hello) {
  Frame out;
  append_number(out, hello.token);
  append_text(out, hello.group);
  append_number(out, hello.made);
  append_number(out, hello.from);
  append_list(out, hello.ranks);
  return out;
}

DataHello decode_data_hello(const Frame& frame) {
  WireReader reader(frame);
  DataHello out;
  out.token = reader.number();
  out.group = reader.text();
  out.made = as_int(reader.number());
  out.from = as_int(reader.number());
  out.ranks = read_list<int>(reader);
  return out;
}

Frame encode(const ControlFrame& frame) {
  Frame out;
  append_number(out, static_cast<std::int64_t>(frame.kind));
  append_text(out, frame.text);
  append_list(out, frame.rank ? std::vector<int>{*frame.rank} : std::vector<int>{});
  append_list(out, frame.connections);
  return out;
}

ControlFrame decode_control(const Frame& frame) {
  WireReader reader(frame);
  ControlFrame out;
  out.kind = static_cast<ControlKind>(reader.number());
  out.text = reader.text();
  const auto rank = read_list<int>(reader);
  if (!rank.empty()) out.rank = rank.front();
  out.connections = read_list<std::int64_t>(reader);
  return out;
}

}  // namespace ppplan::exec::groups
