#pragma once

#include <exception>
#include <memory>

#include "base/surely.hpp"
#include "cell_extras.hpp"
#include "coppice/actor/cell.hpp"
#include "coppice/actor/signals.hpp"

namespace coppice::detail {

/// Stands in Cell::current_ while a hook runs, where a handler has its message.
extern constinit Envelope hook_in_hand;

/// What waited in the mailbox of a place that ends. The block stays.
void dies_waiting(Cell& cell, Envelope& envelope) noexcept;

/// For an owner in user code, or just out of it: while it lives no killer takes the place over. False: one has.
class OwnerGuard {
 public:
  explicit OwnerGuard(Cell& cell) noexcept;
  ~OwnerGuard();
  OwnerGuard(const OwnerGuard&) = delete;
  OwnerGuard& operator=(const OwnerGuard&) = delete;
  [[nodiscard]] explicit operator bool() const noexcept { return is_ours_; }

 private:
  Cell& cell_;
  bool is_ours_;
};

/// The life-cycle of a place, for the length of one visit by its owner. Cell keeps the data, this the rules.
///
/// Threads    the owner's turn. answer_for_ended(), take_over(): any.
struct CellLife {
  explicit CellLife(Cell& cell) noexcept : c{cell} {}

  /// Takes the waiting signals, as many as the activation may. False: the activation is over and the cell must not be touched.
  [[nodiscard]] bool attend(unsigned& signals_left) noexcept;
  /// All that was accepted before a draining stop is handled. As attend().
  [[nodiscard]] bool drained() noexcept;
  /// A suspended handler goes on, as a message is handled: see suspension.cpp.
  void wake_lightly(Wakeup& wakeup) noexcept;
  void failed_in_hand(Envelope& envelope, bool was_handled, const std::exception* known) noexcept;
  void count_handled(const TypeInfo& message) noexcept;
  void finish_start(const ExitReason* failure) noexcept;
  void finish_stop(const ExitReason& reason) noexcept;

  static void answer_for_ended(Cell& cell, LaneSignal* signal) noexcept;
  /// The answer to a link that came too late. Takes it.
  static void refuse_link(CellSignal* link, Cell& ended, const ExitReason& reason) noexcept;
  static void answer_at_end(Cell& cell, LaneSignal* signal, const ExitReason& reason) noexcept;
  static bool take_over(Cell& cell, const ExitReason& why) noexcept;
  /// A place whose first activation will not come.
  static void never_starts(Cell& cell) noexcept;
  static void look_for_depth(Cell& cell, DepthSink& sink, std::uint32_t which) noexcept;

  // Suspended handlers of the cell whose turn it is.
  /// It goes on at the next activation, or when the cell is no longer muted or paused.
  static void make_ready(Cell& cell, HandlerRun& run) noexcept;
  static void go_to_the_back(HandlerRun& run) noexcept;
  /// True: the wakeup comes again when one of the messages that wait has been handled.
  [[nodiscard]] bool let_one_through(Wakeup& wakeup) noexcept;
  static void give_up(HandlerRun& run) noexcept;

 private:
  friend class OwnerGuard;
  // Who may touch the life-cycle: see Cell::claim_.
  [[nodiscard]] bool enter() noexcept;
  void leave() noexcept;
  [[nodiscard]] bool settle_visit() noexcept;
  /// Runs user code with the claim given up, so that a hook that never returns can be taken over. Answers what was
  /// thrown.
  template <class F>
  [[nodiscard]] std::exception_ptr hook(F&& user_code) noexcept;

  [[nodiscard]] LaneSignal* next_signal() noexcept;
  void handle(LaneSignal* signal) noexcept;  // takes it
  void handle(CellSignal& signal) noexcept;
  [[nodiscard]] bool is_between_lives() const noexcept;
  void on_stop_signal(CellSignal& signal) noexcept;
  void on_kill(const ExitReason& why) noexcept;
  void on_restart_signal() noexcept;
  void on_retain() noexcept;
  void on_close() noexcept;
  void on_bury() noexcept;
  void on_child_event(CellSignal& signal) noexcept;
  void on_child_late() noexcept;
  void on_watch(CellSignal& signal) noexcept;
  void on_unwatch(CellSignal& signal) noexcept;
  void on_link(std::unique_ptr<CellSignal> signal) noexcept;
  void on_unlink(CellSignal& signal) noexcept;
  void on_link_exit(CellSignal& signal) noexcept;
  void on_exit(CellSignal& signal) noexcept;
  void tell_exit(const CellSignal& signal, std::uint64_t link) noexcept;
  void on_unmute() noexcept;
  void on_pause() noexcept;
  void on_resume(std::uint32_t messages) noexcept;

  // Suspended handlers; see suspension.cpp.
  void on_wakeup(Wakeup& wakeup) noexcept;
  [[nodiscard]] HandlerRun* woken(Wakeup& wakeup) noexcept;
  [[nodiscard]] bool may_go_on(HandlerRun& run) noexcept;
  void resume(HandlerRun& run) noexcept;
  void resume_ready() noexcept;
  void put_back() noexcept;

  /// What a signal is about must be put down somewhere.
  [[nodiscard]] CellExtras& extras() noexcept {
    if (CellExtras* const made = c.extras_if_any()) return *made;
    return *surely([this] { return &c.extras(); });
  }
  [[nodiscard]] CellSignal* waiting_kill() noexcept;
  void start_life() noexcept;
  [[nodiscard]] Start construct_life(const ExitReason& last_reason);
  void became_running() noexcept;
  void after_manager() noexcept;
  void begin_end(const ExitReason& reason, bool keep_place) noexcept;
  [[nodiscard]] bool ends_bare(const CellSignal& stop) const noexcept;
  void end_bare() noexcept;
  void stop_next_child() noexcept;
  void forget_child(Cell& child) noexcept;
  void end_life() noexcept;
  void destroy_state(const ExitReason& reason) noexcept;
  void emit_end(const ExitReason& reason, bool start_failed) noexcept;
  void note_end_of_suspended() noexcept;
  void withdraw_items() noexcept;
  void fire_links(const ExitReason& reason) noexcept;
  void send_downs(const ExitReason& reason) noexcept;
  void close_place(const ExitReason& reason) noexcept;
  void drain_to_dead_letters(const Link* pinned) noexcept;
  void bury_stash() noexcept;
  void tell_parent(ChildEvent::Kind kind, const ExitReason& reason, const TypeInfo* handling = nullptr,
                   bool left_behind = false) noexcept;
  void note_error(const ExitReason& reason) noexcept;
  void arm_child_timer(Duration after) noexcept;
  void disarm_child_timer() noexcept;
  [[nodiscard]] bool zombie_return() noexcept;
  void set_phase(Phase phase) noexcept;
  void emit(EventKind kind, std::string_view text) noexcept;
  [[nodiscard]] bool is_over() const noexcept;  // no life is on and none is coming unless the supervisor says so

  Cell& c;
  bool over_ = false;        // the place has ended for good: leave it
  bool zombie_ = false;      // it was taken over while user code ran
  Wakeup* again_ = nullptr;  // see let_one_through()
};

template <class F>
std::exception_ptr CellLife::hook(F&& user_code) noexcept {
  c.current_.store(&hook_in_hand, kRelease);
  leave();
  this_thread.now_known = false;
  std::exception_ptr thrown;
  try {
    user_code();
  } catch (...) {
    thrown = std::current_exception();
  }
  zombie_ = !enter();
  if (!zombie_) c.current_.store(nullptr, kRelease);
  return thrown;
}

}  // namespace coppice::detail
