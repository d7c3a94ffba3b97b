#include "coppice/monitors/in_memory_monitor.hpp"

#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "support/scale.hpp"

namespace coppice {
namespace {

Event event(EventKind kind, std::string_view text = {}) {
  return Event{.kind = kind, .actor = 1, .incarnation = 1, .path = "a/b", .subject = "s", .text = text, .time = {}};
}

TEST_CASE("the ring keeps the newest in order") {  // F83
  InMemoryMonitor monitor{5};
  CHECK(monitor.capacity() == 5);
  for (int i = 0; i < 12; ++i) monitor.record(event(EventKind::ActorFailed, std::to_string(i)));
  const auto kept = monitor.snapshot();
  REQUIRE(kept.size() == 5);
  for (std::size_t i = 0; i < 5; ++i) CHECK(kept[i].text == std::to_string(i + 7));
  CHECK(kept[0].path == "a/b");
  CHECK(kept[0].subject == "s");
  CHECK(kept[0].kind == EventKind::ActorFailed);
  CHECK(monitor.count(EventKind::ActorFailed) == 12);
}

TEST_CASE("a kept event owns its texts") {
  InMemoryMonitor monitor{2};
  {
    std::string text = "a text that is longer than what fits into a small string";
    monitor.record(event(EventKind::ActorFailed, text));
    text.assign(text.size(), 'x');
  }
  CHECK(monitor.snapshot().front().text == "a text that is longer than what fits into a small string");
}

TEST_CASE("events below the severity are counted and not kept") {  // F83, [N1]
  InMemoryMonitor monitor{10};
  monitor.record(event(EventKind::MessageHandled));
  CHECK(monitor.snapshot().empty());  // info by default
  monitor.record(event(EventKind::ActorStarted));
  monitor.record(event(EventKind::ActorFailed));
  CHECK(monitor.snapshot().size() == 2);
  monitor.keep_from(Severity::Error);
  monitor.record(event(EventKind::ActorStarted));
  monitor.record(event(EventKind::DeadLetter));
  monitor.record(event(EventKind::ActorFailed));
  CHECK(monitor.snapshot().size() == 3);
  monitor.keep_from(Severity::Debug);
  monitor.record(event(EventKind::MessageHandled));
  CHECK(monitor.snapshot().size() == 4);
  CHECK(monitor.total() == 7);
  CHECK(monitor.count(EventKind::MessageHandled) == 2);
  CHECK(monitor.count(EventKind::ActorStarted) == 2);
  CHECK(monitor.count(EventFamily::Actor) == 4);
  CHECK(monitor.count(EventFamily::Mailbox) == 3);
  CHECK(monitor.count(Severity::Debug) == 2);
  CHECK(monitor.count(Severity::Error) == 2);
  monitor.reset();
  CHECK(monitor.total() == 0);
  CHECK(monitor.snapshot().empty());
  monitor.record(event(EventKind::MessageHandled));
  CHECK(monitor.snapshot().size() == 1);  // a reset forgets events and not the filter
}

TEST_CASE("what is counted is in the next snapshot") {  // [N2]: a test waits for a count and then reads the text
  const auto events = static_cast<std::uint64_t>(testing::scaled(20'000));
  InMemoryMonitor monitor{events};
  std::thread writer{[&] {
    for (std::uint64_t i = 0; i < events; ++i) monitor.record(event(EventKind::ActorFailed));
  }};
  std::uint64_t missed = 0;
  for (std::uint64_t counted = 0; counted < events;) {
    counted = monitor.count(EventKind::ActorFailed);
    if (monitor.snapshot().size() < counted) ++missed;
  }
  writer.join();
  CHECK(missed == 0);
}

TEST_CASE("sums are exact under eight threads") {  // F83
  constexpr int kThreads = 8;
  const int each = static_cast<int>(testing::scaled(20'000));
  InMemoryMonitor monitor{100};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < each; ++i)
        monitor.record(event(i % 4 == 0 ? EventKind::ActorFailed : EventKind::MessageHandled, std::to_string(t)));
    });
  }
  std::thread reader{[&] {
    for (int i = 0; i < 200; ++i) {
      const auto kept = monitor.snapshot();
      if (kept.size() > 100) std::abort();
      static_cast<void>(monitor.total());
    }
  }};
  for (auto& thread : threads) thread.join();
  reader.join();
  const auto per_thread = static_cast<std::uint64_t>(each);
  const std::uint64_t failed = kThreads * ((per_thread + 3) / 4);
  CHECK(monitor.count(EventKind::ActorFailed) == failed);
  CHECK(monitor.total() == kThreads * per_thread);
  CHECK(monitor.count(Severity::Debug) == kThreads * per_thread - failed);
  CHECK(monitor.snapshot().size() == std::min<std::uint64_t>(100, failed));
}

}  // namespace
}  // namespace coppice
