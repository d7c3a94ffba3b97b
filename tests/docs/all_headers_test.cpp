// Every public header in one translation unit: no two of them may use one name for two things. tools/check_layers.py
// checks that none is missing here.

#include <string>

#include <coppice/actor/actor.hpp>
#include <coppice/actor/actor_ref.hpp>
#include <coppice/actor/adapter.hpp>
#include <coppice/actor/ask.hpp>
#include <coppice/actor/awaitables.hpp>
#include <coppice/actor/cell.hpp>
#include <coppice/actor/exit_reason.hpp>
#include <coppice/actor/handles.hpp>
#include <coppice/actor/holding.hpp>
#include <coppice/actor/life_item.hpp>
#include <coppice/actor/monitor.hpp>
#include <coppice/actor/named_ref.hpp>
#include <coppice/actor/phase.hpp>
#include <coppice/actor/pipe.hpp>
#include <coppice/actor/receive_timeout.hpp>
#include <coppice/actor/runtime.hpp>
#include <coppice/actor/send.hpp>
#include <coppice/actor/signals.hpp>
#include <coppice/actor/spawn_options.hpp>
#include <coppice/actor/stash.hpp>
#include <coppice/actor/state_machine.hpp>
#include <coppice/actor/supervisor_report.hpp>
#include <coppice/actor/suspension.hpp>
#include <coppice/actor/task.hpp>
#include <coppice/actor/ticking_actor.hpp>
#include <coppice/actor/timers.hpp>
#include <coppice/actor/watch.hpp>
#include <coppice/actor/when.hpp>
#include <coppice/actor/when_awaited.hpp>
#include <coppice/asio.hpp>
#include <coppice/asio_task.hpp>
#include <coppice/base/align_up.hpp>
#include <coppice/base/atomic.hpp>
#include <coppice/base/clock.hpp>
#include <coppice/base/config.hpp>
#include <coppice/base/fence.hpp>
#include <coppice/base/fnv1a.hpp>
#include <coppice/base/growing_delay.hpp>
#include <coppice/base/intrusive_ptr.hpp>
#include <coppice/base/pause.hpp>
#include <coppice/base/result.hpp>
#include <coppice/base/type_info.hpp>
#include <coppice/base/unique_function.hpp>
#include <coppice/brokers/broker.hpp>
#include <coppice/brokers/in_memory_broker.hpp>
#include <coppice/brokers/publication.hpp>
#include <coppice/brokers/retained.hpp>
#include <coppice/coppice.hpp>
#include <coppice/coroutine.hpp>
#include <coppice/fwd.hpp>
#include <coppice/io/accepted_socket.hpp>
#include <coppice/io/service_notifier.hpp>
#include <coppice/io/stop_signals.hpp>
#include <coppice/io/tcp_connection.hpp>
#include <coppice/io/tcp_listener.hpp>
#include <coppice/io/tcp_options.hpp>
#include <coppice/io/tcp_security.hpp>
#include <coppice/io/tls.hpp>
#include <coppice/journals/sqlite_journal.hpp>
#include <coppice/mailbox/bound.hpp>
#include <coppice/mailbox/mailbox.hpp>
#include <coppice/mailbox/mailbox_stats.hpp>
#include <coppice/mailbox/overflow.hpp>
#include <coppice/message/block_pool.hpp>
#include <coppice/message/envelope.hpp>
#include <coppice/message/ledger.hpp>
#include <coppice/message/message.hpp>
#include <coppice/monitors/combined_monitors.hpp>
#include <coppice/monitors/in_memory_monitor.hpp>
#include <coppice/patterns/cancel_token.hpp>
#include <coppice/patterns/circuit_breaker.hpp>
#include <coppice/patterns/circuit_rules.hpp>
#include <coppice/patterns/rate_limiter.hpp>
#include <coppice/patterns/retry.hpp>
#include <coppice/patterns/router.hpp>
#include <coppice/patterns/routing_strategy.hpp>
#include <coppice/patterns/saga.hpp>
#include <coppice/patterns/saga_journal.hpp>
#include <coppice/patterns/saga_plan.hpp>
#include <coppice/patterns/saga_record.hpp>
#include <coppice/patterns/saga_rules.hpp>
#include <coppice/patterns/state_cell.hpp>
#include <coppice/patterns/token_bucket.hpp>
#include <coppice/patterns/unsent_call.hpp>
#include <coppice/pool.hpp>
#include <coppice/scheduler/runnable.hpp>
#include <coppice/scheduler/scheduler.hpp>
#include <coppice/scheduler/timer.hpp>
#include <coppice/supervisors/auto_shutdown.hpp>
#include <coppice/supervisors/backoff.hpp>
#include <coppice/supervisors/calls.hpp>
#include <coppice/supervisors/child_spec.hpp>
#include <coppice/supervisors/child_state.hpp>
#include <coppice/supervisors/dynamic_rules.hpp>
#include <coppice/supervisors/dynamic_supervisor.hpp>
#include <coppice/supervisors/health_check.hpp>
#include <coppice/supervisors/intensity.hpp>
#include <coppice/supervisors/one_for_all.hpp>
#include <coppice/supervisors/one_for_one.hpp>
#include <coppice/supervisors/partition_supervisor.hpp>
#include <coppice/supervisors/rest_for_one.hpp>
#include <coppice/supervisors/restart.hpp>
#include <coppice/supervisors/restart_limit.hpp>
#include <coppice/supervisors/rules.hpp>
#include <coppice/supervisors/strategy.hpp>
#include <coppice/supervisors/supervision_tree.hpp>
#include <coppice/supervisors/supervisor.hpp>
#include <coppice/supervisors/task_supervisor.hpp>
#include <coppice/system/actor_system.hpp>
#include <coppice/system/dead_letter.hpp>
#include <coppice/system/pinned_thread.hpp>
#include <coppice/system/process_groups.hpp>
#include <coppice/system/registry.hpp>
#include <coppice/system/system.hpp>
#include <coppice/system/system_options.hpp>
#include <coppice/testing/draw.hpp>
#include <coppice/testing/probe.hpp>
#include <coppice/testing/schedule.hpp>
#include <coppice/testing/test_system.hpp>

#include "catch.hpp"

using namespace coppice;
using namespace std::chrono_literals;

namespace {

struct Price {};
/// Both kinds of task: a handler that is a coroutine asks for a function to be run.
struct Shop : Actor<Shop> {
  explicit Shop(ActorRef<TaskSupervisor> t) : tasks{std::move(t)} {}
  Later<int> handle(Price) {
    auto [promise, later] = reply_later<int>();
    ask(tasks, RunTask{[] { return 7; }}, 1s).then([p = std::move(promise)](Result<int, AskError> price) mutable {
      p.set(price ? *price : -1);
    });
    return std::move(later);
  }
  Task<std::string> handle(std::string what) {
    co_await sleep_for(1ms);
    co_return what + "!";
  }
  ActorRef<TaskSupervisor> tasks;
};

}  // namespace

TEST_CASE("all public headers go together in one file") {
  testing::TestSystem system{{.seed = 42}};
  const auto tasks = system.start(task_supervisor({.id = "tasks"})).value();
  const auto shop = system.spawn<Shop>(tasks);
  CHECK(shop.ask(Price{}, 1s).get().value() == 7);
  CHECK(shop.ask(std::string{"apples"}, 1s).get().value() == "apples!");
}
