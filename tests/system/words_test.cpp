#include <set>
#include <string>
#include <type_traits>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/system/process_groups.hpp"

namespace coppice {
namespace {

/// The words of the first `count` values, in order; what comes behind the last one is unknown and no crash.
template <class E>
std::string faults_of(int count) {
  std::set<std::string> words;
  std::string faults;
  for (int i = 0; i < count; ++i) {
    const std::string word = to_string(static_cast<E>(i));
    if (word.empty() || word == "unknown") faults += " no words for " + std::to_string(i);
    if (!words.insert(word).second) faults += " twice: " + word;
  }
  if (std::string{to_string(static_cast<E>(count))} != "unknown") faults += " more than " + std::to_string(count);
  return faults;
}

TEST_CASE("each value of an enumeration has words of its own and what is none is unknown") {
  CHECK(faults_of<Delivery>(5) == "");
  CHECK(faults_of<DeadReason>(kDeadReasons) == "");
  CHECK(faults_of<AskError>(6) == "");
  CHECK(faults_of<SpawnError>(5) == "");
  CHECK(faults_of<LookupError>(2) == "");
  CHECK(faults_of<StopError>(2) == "");
  CHECK(faults_of<NameError::Kind>(3) == "");
  CHECK(faults_of<GroupError>(3) == "");
  CHECK(faults_of<Phase>(6) == "");
  CHECK(faults_of<EventFamily>(5) == "");
  CHECK(faults_of<Severity>(4) == "");
  CHECK(faults_of<ExitReason::Kind>(5) == "");
}

TEST_CASE("each kind of event has words of its own") {
  std::set<std::string> words;
  for (int i = 0; i < kEventKinds; ++i) words.insert(to_string(static_cast<EventKind>(i)));
  CHECK(words.size() == kEventKinds);
  CHECK(words.count("") == 0);
}

TEST_CASE("nothing follows a phase that is none") {
  for (int to = 0; to < 6; ++to) CHECK_FALSE(may_follow(static_cast<Phase>(6), static_cast<Phase>(to)));
}

}  // namespace
}  // namespace coppice
