#include "coppice/asio.hpp"

#include <array>
#include <asio/ip/tcp.hpp>
#include <asio/local/connect_pair.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/post.hpp>
#include <asio/read.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>
#include <csignal>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/coroutine.hpp"
#include "support/ending.hpp"
#include "support/quiet.hpp"

// co_await on whatever Asio offers: each signature of a completion, each way to hear of an error.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using asio::ip::tcp;
using testing::kPatience;
using Pair = asio::local::stream_protocol::socket;

/// Calls the handler, at its own executor in the end. A class: clang 19 crashes over lambdas that capture packs here.
template <class Handler, class... Values>
struct Completion {
  void operator()() {
    if (!std::exchange(is_home, true)) {
      const auto home = handler.get_executor();
      asio::post(home, std::move(*this));
    } else {
      std::apply(std::move(handler), std::move(values));
    }
  }
  Handler handler;
  std::tuple<Values...> values;
  bool is_home = false;
};
struct PostCompletion {
  template <class Handler, class... Values>
  void operator()(Handler&& handler, Values... values) {
    asio::post(io,
               Completion<std::decay_t<Handler>, Values...>{std::forward<Handler>(handler), {std::move(values)...}});
  }
  asio::io_context& io;
};

/// Completes at once, with what it is told to.
template <class Signature, class Token, class... Values>
auto complete_with(Token&& token, asio::io_context& io, Values... values) {
  return asio::async_initiate<Token, Signature>(PostCompletion{io}, token, std::move(values)...);
}

/// Never calls the handler: it goes where it was taken to, or on the actor's turn.
struct DropHandler {
  template <class Handler>
  void operator()(Handler&& handler, bool later) const {
    if (!later) return;
    const auto home = handler.get_executor();
    home.execute([dropped = std::forward<Handler>(handler)] {});
  }
};
template <class Signature, class Token>
auto complete_never(Token&& token, bool later) {
  return asio::async_initiate<Token, Signature>(DropHandler{}, token, later);
}

struct NoValue {};
struct OneValue {};
struct SeveralValues {};
struct Thrown {};
struct MoveOnly {};
struct ShortRead {};
struct ThrowsTheError {};
struct Resolve {};
struct AwaitSignal {};
struct Dropped {
  bool later;
};

struct Caller : Actor<Caller> {
  /// What is posted to the actor is a message of its: a handler that lets no other in would wait for ever.
  ReentrantTask<std::string> handle(NoValue) {
    const Result<void, std::error_code> posted = co_await asio::post(executor(), use_task);
    co_await asio::post(executor(), use_task_throwing);
    const auto [error] = co_await asio::post(executor(), use_task_tuple);
    co_return posted && !error ? "came back" : "failed";
  }
  Task<std::string> handle(OneValue) {
    const Result<std::string, std::error_code> named =
        co_await complete_with<void(std::string)>(use_task, io_context(system()), std::string{"a name"});
    co_return *named;
  }
  Task<std::string> handle(SeveralValues) {
    const auto both = co_await complete_with<void(std::error_code, std::string, int)>(use_task, io_context(system()),
                                                                                      std::error_code{}, "seven", 7);
    const auto [name, number] = *both;
    co_return name + " is " + std::to_string(number);
  }
  Task<std::string> handle(Thrown) {
    const auto boom = std::make_exception_ptr(std::runtime_error{"boom"});
    try {
      static_cast<void>(co_await complete_with<void(std::exception_ptr, int)>(use_task, io_context(system()), boom, 0));
    } catch (const std::runtime_error& error) {
      co_return error.what();
    }
    co_return "nothing was thrown";
  }
  Task<std::string> handle(MoveOnly) {
    auto made = co_await complete_with<void(std::error_code, std::unique_ptr<int>)>(
        use_task_throwing, io_context(system()), std::error_code{}, std::make_unique<int>(5));
    co_return std::to_string(*made);
  }
  /// Three bytes where four were asked for: the error does not hide them.
  Task<std::string> handle(ShortRead) {
    Pair here{executor()};
    Pair there{executor()};
    asio::local::connect_pair(here, there);
    asio::write(there, asio::buffer(std::string_view{"abc"}));
    there.close();
    std::array<char, 4> bytes{};
    const auto [error, count] = co_await asio::async_read(here, asio::buffer(bytes), use_task_tuple);
    co_return std::string(bytes.data(), count) + (error == asio::error::eof ? " and the end" : " and what?");
  }
  Task<std::string> handle(ThrowsTheError) {
    asio::steady_timer timer{executor(), 1h};
    auto waiting = timer.async_wait(use_task_throwing);
    timer.cancel();
    co_await waiting;  // the actor's crash
    co_return "went on";
  }
  Task<std::string> handle(Resolve) {
    tcp::resolver resolver{executor()};
    const auto found = co_await resolver.async_resolve("127.0.0.1", "80", use_task);
    if (!found) co_return found.error().message();
    co_return found->begin()->endpoint().address().to_string();
  }
  Task<std::string> handle(Dropped dropped) {
    const Result<int, std::error_code> named =
        co_await complete_never<void(std::error_code, int)>(use_task, dropped.later);
    if (named || named.error() != asio::error::operation_aborted) co_return "completed";
    const auto [error, value] = co_await complete_never<void(std::error_code, int)>(use_task_tuple, dropped.later);
    if (error != asio::error::operation_aborted || value != 0) co_return "completed";
    try {
      co_await complete_never<void(std::exception_ptr)>(use_task_throwing, dropped.later);
    } catch (const std::system_error& thrown) {
      co_return thrown.code() == asio::error::operation_aborted ? "aborted" : "another";
    }
    co_return "completed";
  }
  Task<std::string> handle(AwaitSignal) {
    asio::signal_set signals{executor(), SIGUSR2};
    auto coming = signals.async_wait(use_task);
    ::raise(SIGUSR2);
    const Result<int, std::error_code> came = co_await coming;
    co_return came && *came == SIGUSR2 ? "SIGUSR2" : "another";
  }
};

TEST_CASE("a handler awaits an Asio operation of any signature") {  // F21
  ActorSystem system{testing::two_workers()};
  const auto caller = system.spawn<Caller>();
  const auto said = [&](auto question) { return caller.ask(question, kPatience).get().value(); };
  CHECK(said(NoValue{}) == "came back");
  CHECK(said(OneValue{}) == "a name");
  CHECK(said(SeveralValues{}) == "seven is 7");
  CHECK(said(Thrown{}) == "boom");
  CHECK(said(MoveOnly{}) == "5");
  testing::check_end(system);
}

TEST_CASE("a handler awaits sockets and timers and resolvers and signals of its actor") {  // F21
  ActorSystem system{testing::two_workers()};
  const auto caller = system.spawn<Caller>();
  CHECK(caller.ask(ShortRead{}, kPatience).get().value() == "abc and the end");
  CHECK(caller.ask(Resolve{}, kPatience).get().value() == "127.0.0.1");
  CHECK(caller.ask(AwaitSignal{}, kPatience).get().value() == "SIGUSR2");
  testing::check_end(system);
}

TEST_CASE("an operation whose handler is dropped is over as one that was aborted") {
  ActorSystem system{testing::two_workers()};
  const auto caller = system.spawn<Caller>();
  for (const bool later : {false, true}) {
    CAPTURE(later);
    CHECK(caller.ask(Dropped{later}, kPatience).get() == Result<std::string, AskError>{"aborted"});
  }
  testing::check_end(system);
}

TEST_CASE("an error that is thrown where the operation is awaited is the actor's crash") {
  testing::Log failures;
  ActorSystem system{testing::quiet(testing::two_workers(), &failures)};
  const auto caller = system.spawn<Caller>();
  CHECK(caller.ask(ThrowsTheError{}, kPatience).get() == Result<std::string, AskError>{Error{AskError::Crashed}});
  REQUIRE(testing::has_ended(system, caller));
  REQUIRE(failures.size() == 1);
  CHECK(failures.lines().front().find(std::error_code{asio::error::operation_aborted}.message()) != std::string::npos);
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
