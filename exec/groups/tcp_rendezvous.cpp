#include "exec/groups/tcp_rendezvous.h"

#include <fmt/format.h>

#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/connect.hpp>
#include <asio/detached.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <random>

#include "planner/input/input_error.h"

namespace ppplan::exec::groups {
namespace {

using asio::awaitable;
using asio::use_awaitable;

constexpr std::chrono::seconds time_for_late_comers(3);

std::string place_of(const TcpSettings& settings) { return fmt::format("{}:{}", settings.address, settings.port); }

std::size_t index(int rank) { return static_cast<std::size_t>(rank); }

// GCC 12 destroys some temporaries of an awaited expression twice, so what is awaited here takes named values alone.
awaitable<void> write_frame(tcp::socket& socket, const Frame& payload) {
  const Frame frame = framed(payload);
  co_await asio::async_write(socket, asio::buffer(frame), use_awaitable);
}

void listen_for_data(tcp::acceptor& data, const asio::ip::address& address) {
  data.open(address.is_v6() ? tcp::v6() : tcp::v4());
  data.bind({address, 0});
  data.listen();
}

/// What both sides keep while they meet; handlers that are left over when it fails hold it too.
struct Meeting {
  Meeting(asio::io_context& io, const TcpSettings& of_rank, tcp::acceptor& own_data)
      : context(io), settings(of_rank), data(own_data) {}
  asio::io_context& context;
  TcpSettings settings;
  tcp::acceptor& data;
  Rendezvous result;
  std::optional<tcp::acceptor> acceptor;  // of rank 0
  std::string last_error;                 // of a rank that looks for rank 0
  std::string refusal;                    // of rank 0, which waits until the others have heard it
  int came = 0;
  asio::steady_timer late_comers{context};
  std::string failure;
  bool ended = false;

  void end(std::string why) {
    if (ended) return;
    failure = std::move(why);
    ended = true;
    context.stop();
  }
};
using MeetingPtr = std::shared_ptr<Meeting>;

/// Why rank 0 can't take this rank; empty when it can.
std::string fault_of(const Meeting& meeting, const Hello& hello) {
  const TcpSettings& own = meeting.settings;
  if (hello.version != own.version)
    return fmt::format("rank {} runs version {}, rank 0 runs {}", hello.rank, hello.version, own.version);
  if (hello.size != own.size)
    return fmt::format("rank {} was started for {} ranks, rank 0 for {}", hello.rank, hello.size, own.size);
  if (hello.rank < 1 || hello.rank >= own.size)
    return fmt::format("rank {} came, expected ranks 1 to {}", hello.rank, own.size - 1);
  if (meeting.result.links.contains(hello.rank)) return fmt::format("rank {} came twice", hello.rank);
  return "";
}

std::string missing_ranks(const Meeting& meeting) {
  std::string out;
  for (int rank = 1; rank < meeting.settings.size; ++rank)
    if (!meeting.result.links.contains(rank)) out += (out.empty() ? "" : ", ") + std::to_string(rank);
  return out;
}

/// Tells a rank why the run can't start. It is few bytes into an empty buffer: nothing is waited for.
void tell(tcp::socket& socket, const std::string& why) {
  const Frame frame = framed(encode(Welcome{.refusal = why, .token = 0, .addresses = {}, .ports = {}}));
  asio::error_code ignored;
  asio::write(socket, asio::buffer(frame), ignored);
  socket.shutdown(tcp::socket::shutdown_send, ignored);
}

/// Tells all that have come, and those that come within a moment, which would look for rank 0 in vain.
void refuse(MeetingPtr meeting, const std::string& why) {
  if (meeting->ended || !meeting->refusal.empty()) return;
  meeting->refusal = why;
  for (auto& [rank, socket] : meeting->result.links) tell(socket, why);
  meeting->late_comers.expires_after(time_for_late_comers);
  meeting->late_comers.async_wait([meeting](const asio::error_code& error) {
    if (!error) meeting->end(meeting->refusal);
  });
}

awaitable<void> welcome_all(MeetingPtr meeting) {
  Welcome welcome;
  std::random_device random;
  welcome.token = static_cast<std::int64_t>((std::uint64_t{random()} << 32) | random());
  for (int rank = 0; rank < meeting->settings.size; ++rank) {
    const tcp::endpoint& peer = meeting->result.peers[index(rank)];
    welcome.addresses.push_back(rank == 0 ? "" : peer.address().to_string());
    welcome.ports.push_back(peer.port());
  }
  const Frame frame = encode(welcome);
  for (auto& [rank, socket] : meeting->result.links) co_await write_frame(socket, frame);
  meeting->result.token = welcome.token;
  meeting->end("");
}

/// A rank has presented itself; whether that makes the run complete.
bool take_rank(MeetingPtr meeting, tcp::socket socket, const Hello& hello) {
  Meeting& m = *meeting;
  socket.set_option(tcp::no_delay(true));
  ++m.came;
  if (m.refusal.empty()) {
    const std::string fault = fault_of(m, hello);
    if (!fault.empty()) refuse(meeting, fault);
  }
  if (m.refusal.empty()) {
    m.result.peers[index(hello.rank)] = {socket.remote_endpoint().address(), hello.port};
    m.result.links.emplace(hello.rank, std::move(socket));
    return m.came == m.settings.size - 1;
  }
  tell(socket, m.refusal);
  if (m.came >= m.settings.size - 1) m.end(m.refusal);
  return false;
}

awaitable<void> receive_rank(MeetingPtr meeting, tcp::socket socket) {
  try {
    const Frame frame = co_await read_frame(socket);
    const std::optional<Hello> hello = decode_hello(frame);
    if (!hello || meeting->ended) co_return;  // another program, or one that is too late
    const bool complete = take_rank(meeting, std::move(socket), *hello);
    if (complete) co_await welcome_all(meeting);
  } catch (const std::exception&) {
    co_return;  // it went away, or speaks another protocol
  }
}

awaitable<void> accept_ranks(MeetingPtr meeting) {
  while (!meeting->ended) {
    tcp::socket socket = co_await meeting->acceptor->async_accept(use_awaitable);
    asio::co_spawn(meeting->context, receive_rank(meeting, std::move(socket)), asio::detached);
  }
}

void listen_for_ranks(Meeting& meeting) {
  TcpSettings& settings = meeting.settings;
  const int socket = settings.listener ? *settings.listener : listen_on(settings.address, settings.port).socket;
  tcp::acceptor acceptor(meeting.context, tcp::v4(), socket);
  const tcp::endpoint endpoint = acceptor.local_endpoint();
  if (endpoint.protocol() == tcp::v6()) acceptor.assign(tcp::v6(), acceptor.release());
  settings.port = endpoint.port();
  listen_for_data(meeting.data, endpoint.address());
  meeting.result.peers[0] = meeting.data.local_endpoint();
  meeting.acceptor = std::move(acceptor);
}

/// Tries until rank 0 listens; the deadline of the whole ends it.
awaitable<tcp::socket> reach_rank_0(MeetingPtr meeting) {
  for (;;) {
    try {
      tcp::resolver resolver(meeting->context);
      const auto found = co_await resolver.async_resolve(meeting->settings.address,
                                                         std::to_string(meeting->settings.port), use_awaitable);
      tcp::socket socket(meeting->context);
      co_await asio::async_connect(socket, found, use_awaitable);
      co_return socket;
    } catch (const std::system_error& error) {
      meeting->last_error = error.code().message();
    }
    asio::steady_timer pause(meeting->context, std::chrono::milliseconds(20));
    co_await pause.async_wait(use_awaitable);
  }
}

void take_welcome(Meeting& meeting, tcp::socket socket, const Welcome& welcome) {
  if (!welcome.refusal.empty()) return meeting.end(welcome.refusal);
  if (static_cast<int>(welcome.ports.size()) != meeting.settings.size)
    return meeting.end(
        fmt::format("rank 0 tells of {} ranks, expected {}", welcome.ports.size(), meeting.settings.size));
  for (std::size_t r = 0; r < welcome.ports.size(); ++r)
    meeting.result.peers[r] = {
        r == 0 ? socket.remote_endpoint().address() : asio::ip::make_address(welcome.addresses[r]), welcome.ports[r]};
  meeting.result.token = welcome.token;
  meeting.result.links.emplace(0, std::move(socket));
  meeting.end("");
}

awaitable<void> come_to_rank_0(MeetingPtr meeting) {
  const TcpSettings& settings = meeting->settings;
  tcp::socket socket = co_await reach_rank_0(meeting);
  try {
    socket.set_option(tcp::no_delay(true));
    listen_for_data(meeting->data, socket.local_endpoint().address());
    const std::uint16_t port = meeting->data.local_endpoint().port();
    const Frame hello = encode(Hello{settings.version, settings.size, settings.rank, port});
    co_await write_frame(socket, hello);
    const Frame answer = co_await read_frame(socket);
    const Welcome welcome = decode_welcome(answer);
    take_welcome(*meeting, std::move(socket), welcome);
  } catch (const std::exception&) {
    meeting->end("rank 0 went away before all ranks had come");
  }
}

std::string late_message(const Meeting& meeting) {
  if (meeting.settings.rank == 0)
    return fmt::format("after {:g} s ranks have not come: {}", meeting.settings.start_s, missing_ranks(meeting));
  if (meeting.result.links.empty() && !meeting.last_error.empty())
    return fmt::format("rank {} found no rank 0 in {:g} s ({})", meeting.settings.rank, meeting.settings.start_s,
                       meeting.last_error);
  return fmt::format("rank {} waited {:g} s for the other ranks", meeting.settings.rank, meeting.settings.start_s);
}

}  // namespace

Rendezvous meet(asio::io_context& context, const TcpSettings& settings, tcp::acceptor& data) {
  const auto meeting = std::make_shared<Meeting>(context, settings, data);
  meeting->result.peers.resize(index(settings.size));
  if (settings.rank == 0) {
    listen_for_ranks(*meeting);
    if (settings.size > 1) asio::co_spawn(context, accept_ranks(meeting), asio::detached);
    if (settings.size == 1) meeting->end("");
  } else {
    asio::co_spawn(context, come_to_rank_0(meeting), asio::detached);
  }
  context.run_for(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(settings.start_s)));
  context.restart();
  if (!meeting->ended) {
    refuse(meeting, late_message(*meeting));
    meeting->end(meeting->refusal);
  }
  context.restart();
  meeting->late_comers.cancel();
  meeting->acceptor.reset();
  if (!meeting->failure.empty())
    throw GroupError(fmt::format("rendezvous at {}: {}", place_of(meeting->settings), meeting->failure));
  return std::move(meeting->result);
}

Listener listen_on(const std::string& address, std::uint16_t port) {
  try {
    asio::io_context context;
    const auto found = tcp::resolver(context).resolve(address, std::to_string(port));
    tcp::acceptor acceptor(context, found.begin()->endpoint());
    const std::uint16_t bound = acceptor.local_endpoint().port();
    return {acceptor.release(), bound};
  } catch (const std::system_error& error) {
    throw input::InputError(fmt::format("can't listen on {}:{}: {}", address, port, error.code().message()));
  }
}

}  // namespace ppplan::exec::groups
