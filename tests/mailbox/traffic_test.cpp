#include <random>

#include "catch.hpp"
#include "support/mailbox_pair.hpp"
#include "support/scale.hpp"
#include "support/test_end.hpp"

// Random traffic against the model in support/mailbox_model.hpp, which was written from the documented rules.
// tests/fuzz/mailbox.cpp looks for traffic that does worse.

namespace coppice {
namespace {

using testing::kMailboxPlans;
using testing::MailboxPair;
using testing::MailboxPlan;

struct Dice {
  std::mt19937 engine;
  unsigned operator()(unsigned sides) { return static_cast<unsigned>(engine() % sides); }
};

TEST_CASE("random traffic of every kind of mailbox is what the documented rules say") {  // F24, F26, F27, F28, F31, F33
  const auto seeds = static_cast<std::uint32_t>(testing::scaled(150));
  for (const MailboxPlan& plan : kMailboxPlans) {
    for (std::uint32_t seed = 1; seed <= seeds; ++seed) {
      CAPTURE(plan.name, seed);
      MailboxPair<Dice> pair{plan, Dice{std::mt19937{seed}}, seed};
      pair.run([left = 60]() mutable { return left-- > 0; });
      testing::check_end(pair.system());
    }
  }
}

}  // namespace
}  // namespace coppice
