#include <cstdint>
#include <iterator>

#include "fuzz/end.hpp"
#include "fuzz/input.hpp"
#include "support/mailbox_pair.hpp"

// Mailboxes of every kind against the model in support/mailbox_model.hpp: bounds, what is refused or makes room,
// priorities, expiry, keys that replace. The first byte says which kind, the rest what happens to it.

namespace {

struct Dice {
  coppice::fuzz::Input* input;
  unsigned operator()(unsigned sides) { return static_cast<unsigned>(input->below(sides)); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace coppice;
  fuzz::Input input{data, size};
  const testing::MailboxPlan& plan = testing::kMailboxPlans[input.below(std::size(testing::kMailboxPlans))];
  testing::MailboxPair<Dice> pair{plan, Dice{&input}, input.byte()};
  pair.run([&, left = 300]() mutable { return !input.is_over() && left-- > 0; });
  fuzz::end(pair.system());
  return 0;
}
