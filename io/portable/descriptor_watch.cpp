#include "descriptor_watch.hpp"

#include <memory>
#include <system_error>
#include <utility>

#include "coppice/asio.hpp"
// After it: asio.hpp sets Asio's switches.
#include <asio/error.hpp>
#include <asio/posix/basic_stream_descriptor.hpp>

namespace coppice::detail {
namespace {

/// With what Asio has everywhere: each wait is asked for.
class AsioWatch final : public DescriptorWatch {
  using Descriptor = asio::posix::basic_stream_descriptor<ActorExecutor>;

 public:
  AsioWatch(Cell& cell, int descriptor, Tell tell, void* owner)
      : tell_{tell}, owner_{owner}, descriptor_{ActorExecutor{cell}, descriptor} {}
  ~AsioWatch() override { descriptor_.release(); }

  void await_input() override {
    if (std::exchange(state_->awaits_input, true)) return;
    wait(Descriptor::wait_read, [](State& state) {
      state.awaits_input = false;
      state.seen.input = true;
    });
  }
  void await_room() override {
    if (std::exchange(state_->awaits_room, true)) return;
    wait(Descriptor::wait_write, [](State& state) {
      state.awaits_room = false;
      state.seen.room = true;
    });
  }
  [[nodiscard]] Readiness take() noexcept override { return std::exchange(state_->seen, {}); }

 private:
  struct State {
    bool awaits_input = false;
    bool awaits_room = false;
    Readiness seen;
  };
  template <class F>
  void wait(Descriptor::wait_type what, F note) {
    // The state is shared with what is in the mailbox when this ends. An error is for the next read or write to find.
    descriptor_.async_wait(what, [state = state_, note, tell = tell_, owner = owner_](const std::error_code& error) {
      if (error == asio::error::operation_aborted) return;
      note(*state);
      tell(owner);
    });
  }
  const Tell tell_;
  void* const owner_;
  const std::shared_ptr<State> state_ = std::make_shared<State>();
  Descriptor descriptor_;
};

}  // namespace

std::unique_ptr<DescriptorWatch> DescriptorWatch::make(Cell& cell, int descriptor, Tell tell, void* owner) {
  return std::make_unique<AsioWatch>(cell, descriptor, tell, owner);
}
void DescriptorWatch::prepare(Cell&) {}

}  // namespace coppice::detail
