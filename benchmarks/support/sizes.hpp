#pragma once

/// How much of each workload is run, the same for coppice and for every peer. What a size counts stands beside it; how
/// many actors, accounts or philosophers take part is a part of the workload, and given by the suite it comes from.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace coppice::bench {

struct Size {
  std::string_view workload;
  std::int64_t full;
  std::int64_t quick;
  std::string_view counts;
  std::int64_t most = 1'000'000'000;
};

inline constexpr Size kSizes[] = {
    {"ping_pong", 500'000, 100'000, "round trips"},
    {"ring", 2'000'000, 300'000, "hops around 503 actors"},
    {"counting", 5'000'000, 1'000'000, "messages, sent in one handler"},
    {"counting_bursts", 5'000'000, 1'000'000, "messages, a thousand at a time, each thousand acknowledged"},
    {"counting_8", 4'000'000, 1'000'000, "messages of 8 producers together"},
    {"counting_8_bounded", 4'000'000, 1'000'000, "messages of 8 producers together, whose target blocks at 10,000"},
    {"fan_out", 50'000, 10'000, "publications to 100 actors, each hundred acknowledged"},
    {"fan_out_sends", 50'000, 10'000, "as fan_out, each publication a hundred sends"},
    {"fork_join_create", 40'000, 20'000, "actors that handle one message"},
    {"fork_join_throughput", 10'000, 2'000, "messages to each of 60 actors"},
    {"big", 20'000, 2'000, "pings of each of 120 actors"},
    {"ask", 200'000, 40'000, "questions"},
    {"ask_outside", 30'000, 5'000, "questions of a thread to an idle system"},
    {"ask_woken", 20'000, 5'000, "questions of a thread, answered on another one"},
    {"spawn_stop", 100'000, 50'000, "actors"},
    {"spawn_inside", 100'000, 50'000, "children of an actor, watched, one after another"},
    {"idle_bytes", 200'000, 100'000, "actors that rest"},
    {"skynet", 1'000'000, 100'000, "leaves below actors of ten children each"},
    {"chameneos", 200'000, 50'000, "meetings of 100 chameneos"},
    {"bank", 50'000, 20'000, "transactions between 1000 accounts"},
    {"barber", 5'000, 2'000, "customers, each an actor, who want one haircut each; a waiting room of 1000"},
    {"philosophers", 10'000, 2'000, "meals of each of 20 philosophers"},
    {"queens", 12, 10, "queens on a board, 20 workers, 4 rows handed out", 14},
    {"sieve", 100'000, 30'000, "the numbers below, 1000 primes an actor"},
    {"dictionary", 10'000, 4'000, "requests of each of 20 workers to 524,287 keys, a tenth of them writes"},
    {"a_star", 30, 20, "the edge of the cube of nodes; 20 workers", 200},
    {"crash", 10'000, 10'000, "crashes of one child of ten"},
    {"timers", 1'000'000, 200'000, "timers armed, then withdrawn"},
    {"timers_near", 10'000, 10'000, "timers that ring within a second"},
    {"latency", 200'000, 50'000, "messages of a microsecond, at each load", 10'000'000},
    {"idle", 1'000'000, 100'000, "actors that rest", 5'000'000},
    {"echo", 300'000, 60'000, "requests of 64 bytes over 64 TCP connections"},
    {"depth", 100'000, 100'000, "messages that wait in one mailbox"},
    {"actors", 100'000, 100'000, "actors in a ring, each of which is visited"},
    {"subscriptions", 100'000, 100'000, "subscriptions, of which a publication matches one"},
};

inline constexpr int kBurst = 1'000;
inline constexpr int kRing = 503;
inline constexpr int kProducers = 8;
inline constexpr int kSubscribers = 100;
inline constexpr int kPublishBurst = 100;
inline constexpr int kForkJoinActors = 60;
inline constexpr int kBigActors = 120;
inline constexpr int kChameneos = 100;
inline constexpr int kSkynetChildren = 10;
inline constexpr std::size_t kChairs = 1'000;
// A haircut, and the pause between two customers, is a random number of steps: from the least on, so many values.
inline constexpr std::uint64_t kStepsAtLeast = 10;
inline constexpr std::uint64_t kStepValues = 1'000;
inline constexpr std::uint64_t kAccounts = 1'000;
inline constexpr std::int64_t kBalance = 100'000;
inline constexpr std::size_t kPhilosophers = 20;
inline constexpr std::int64_t kDictionaryWorkers = 20;
inline constexpr std::uint64_t kWritesOfHundred = 10;
inline constexpr std::uint64_t kKeys = 524'287;

}  // namespace coppice::bench
