#include "coppice/testing/probe.hpp"

#include "base/mutex.hpp"

namespace coppice::testing::detail {

using namespace coppice::detail;

struct ProbeInbox::State {
  explicit State(System& system) noexcept : runtime{IntrusivePtr<Runtime>::share(&system.runtime())} {}
  IntrusivePtr<Runtime> runtime;
  Mutex mutex;
  std::deque<std::unique_ptr<Item>> items;
  Atomic<std::uint32_t> arrived{0};  // counts; changed with each item
};

ProbeInbox::ProbeInbox(System& system) : state_{std::make_unique<State>(system)} {}
ProbeInbox::~ProbeInbox() = default;

void ProbeInbox::put(std::unique_ptr<Item> item) {
  {
    const Lock lock{state_->mutex};
    state_->items.push_back(std::move(item));
  }
  state_->arrived.fetch_add(1, kRelease);
  state_->runtime->wake(state_->arrived);
}

std::unique_ptr<ProbeInbox::Item> ProbeInbox::take(Duration within) {
  const TimePoint deadline = saturating_add(state_->runtime->clock->now(), within);
  for (;;) {
    const std::uint32_t seen = state_->arrived.load(kAcquire);
    {
      const Lock lock{state_->mutex};
      if (!state_->items.empty()) {
        auto item = std::move(state_->items.front());
        state_->items.pop_front();
        return item;
      }
    }
    if (!state_->runtime->wait(state_->arrived, seen, deadline)) return nullptr;
  }
}

}  // namespace coppice::testing::detail
