#pragma once

/// From here on Ctrl-C and SIGTERM wait to be asked for. Call it before there are other threads: they inherit it.
void hold_interrupts();

/// The signal that came, or 0. From the first one that is seen here, a second one ends the program at once. Any thread.
[[nodiscard]] int interrupting_signal() noexcept;
[[nodiscard]] inline bool was_interrupted() noexcept { return interrupting_signal() != 0; }
