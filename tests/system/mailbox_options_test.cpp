#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/mailbox_actor.hpp"
#include "support/test_end.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Reader;
using testing::TestSystem;

/// A mailbox that cannot be, and the word that an answer must have in it.
const std::pair<MailboxOptions, const char*> kFaults[] = {
    {Bounded{.capacity = 0}, "capacity"},
    {Bounded{.capacity = 0, .overflow = Overflow::DropOldest}, "capacity"},
    {Bounded{.passed_over_max = 0}, "passed_over_max"},
    {Bounded{.order = Order::Priority, .passed_over_max = 0}, "passed_over_max"},
    {Unbounded{.order = Order::Priority, .passed_over_max = 0}, "passed_over_max"},
    {Bounded{.overflow = Overflow::Block, .block_within = -1ns}, "block_within"},
    {Bounded{.block_within = Duration::min()}, "block_within"},
    {Bounded{.for_priority = {{Priority::High, Overflow::Block}}}, "for_priority"},
};

TEST_CASE("a mailbox that cannot be is refused at the spawn") {  // F23
  for (const auto& [mailbox, word] : kFaults) {
    CAPTURE(word);
    TestSystem system;
    const auto spawned = system.try_spawn<Reader>({.name = "reader", .mailbox = mailbox});
    REQUIRE_FALSE(spawned);
    CHECK(spawned.error() == SpawnError::BadOption);
    CHECK_FALSE(system.find_any("reader"));
    const auto got = system.get_or_spawn<Reader>(SpawnOptions{.name = "reader", .mailbox = mailbox});
    REQUIRE_FALSE(got);
    CHECK(got.error() == SpawnError::BadOption);
    CHECK(system.stats().actors == 0);
    testing::check_end(system);
  }
}

TEST_CASE("a system whose mailbox cannot be says what is wrong with it") {  // F23
  for (const auto& [mailbox, word] : kFaults) {
    SystemOptions options;
    options.mailbox = mailbox;
    const auto checked = options.check();
    REQUIRE_FALSE(checked);
    CHECK_THAT(checked.error().text, testing::has_text("SystemOptions::mailbox"));
    CHECK_THAT(checked.error().text, testing::has_text(word));
    ActorSystem system{std::move(options)};
    CHECK_FALSE(system.status());
  }
}

TEST_CASE("a child whose mailbox cannot be is a bad spec that says what is wrong with it") {  // F23
  for (const auto& [mailbox, word] : kFaults) {
    TestSystem system;
    const auto root = system.start(supervisor({.id = "app"}, child<Reader>({.id = "reader", .mailbox = mailbox})));
    REQUIRE_FALSE(root);
    CHECK(root.error().kind == StartError::Kind::BadSpec);
    CHECK_THAT(root.error().text, testing::has_text(word));
    CHECK_THAT(root.error().text, testing::has_text("reader"));
    const auto empty = system.start(supervisor({.id = "app"})).value();
    const auto added = empty.start_child(child<Reader>({.id = "reader", .mailbox = mailbox}));
    REQUIRE_FALSE(added);
    CHECK(added.error().kind == CallError::Kind::BadSpec);
    CHECK_THAT(added.error().text, testing::has_text(word));
    testing::check_end(system);
  }
}

TEST_CASE("mailbox options at their bounds are fine") {  // F23
  for (const MailboxOptions& mailbox :
       {MailboxOptions{Bounded{.capacity = 1, .block_within = 0ns, .passed_over_max = 1}},
        MailboxOptions{Bounded{.capacity = std::numeric_limits<std::uint64_t>::max(),
                               .overflow = Overflow::DropOldest,
                               .block_within = Duration::max(),
                               .order = Order::Priority,
                               .passed_over_max = std::numeric_limits<unsigned>::max(),
                               .for_priority = {{Priority::Low, Overflow::Reject}},
                               .measured = true}},
        MailboxOptions{Bounded{.capacity = std::numeric_limits<std::uint64_t>::max(), .overflow = Overflow::Block}},
        MailboxOptions{Bounded{std::numeric_limits<std::uint64_t>::max(), KeepLatestBy<&testing::Tick::symbol>}}}) {
    TestSystem system;
    const auto reader = system.try_spawn<Reader>({.mailbox = mailbox});
    REQUIRE(reader);
    CHECK(reader->send(1) == Delivery::Accepted);
    system.run_until_idle();
    CHECK(testing::seen_by(*reader) == std::vector<int>{1});
    testing::check_end(system);
  }
}

TEST_CASE("equal mailbox options compare equal and a rule of a level is part of them") {
  CHECK(Bounded{} == Bounded{});
  CHECK_FALSE(Bounded{.capacity = 1} == Bounded{.capacity = 2});
  CHECK(Bounded{1, KeepLatestBy<&testing::Tick::symbol>} == Bounded{1, KeepLatestBy<&testing::Tick::symbol>});
  CHECK_FALSE(Bounded{1, KeepLatestBy<&testing::Tick::symbol>} == Bounded{1, KeepLatestBy<&testing::Tick::value>});
  CHECK_FALSE(Bounded{1, KeepLatestBy<&testing::Tick::symbol>} == Bounded{1, Overflow::DropOldest});
  CHECK_FALSE(ForPriority{{Priority::High, Overflow::Reject}} == ForPriority{});  // Reject is the first of the rules
  CHECK(ForPriority{}.is_empty());
}

}  // namespace
}  // namespace coppice
