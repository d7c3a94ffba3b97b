#pragma once

/// All of coppice that most programs need. For users and examples; the library itself includes parts.

#include "coppice/actor/actor.hpp"
#include "coppice/actor/actor_ref.hpp"
#include "coppice/system/actor_system.hpp"
#include "coppice/system/pinned_thread.hpp"
#include "coppice/system/system.hpp"
