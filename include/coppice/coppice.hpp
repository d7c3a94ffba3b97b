#pragma once

/// All of coppice that most programs need. For users and examples; the library itself includes parts.
/// Besides it, where they are used: coppice/asio.hpp; coppice/coroutine.hpp; coppice/actor/when.hpp, state_machine.hpp and
/// ticking_actor.hpp; coppice/supervisors/dynamic_supervisor.hpp, task_supervisor.hpp and partition_supervisor.hpp;
/// coppice/pool.hpp and coppice/patterns/*.hpp; coppice/system/registry.hpp and process_groups.hpp;
/// coppice/monitors/*.hpp; coppice/testing/*.hpp. (They cost time to compile.)

#include "coppice/actor/actor.hpp"
#include "coppice/actor/actor_ref.hpp"
#include "coppice/brokers/in_memory_broker.hpp"
#include "coppice/supervisors/supervisor.hpp"
#include "coppice/system/actor_system.hpp"
#include "coppice/system/pinned_thread.hpp"
#include "coppice/system/system.hpp"
