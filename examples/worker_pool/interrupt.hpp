#pragma once

/// From here on Ctrl-C and SIGTERM wait to be asked for, unless they are ignored, as in a background job. Call it
/// before there are other threads: they inherit it.
void hold_interrupts();

/// From here on they end the program at once: what it does now may wait for others.
void release_interrupts() noexcept;

/// The signal that came, or 0. From the first one that is seen here, a second one ends the program at once. Any thread.
[[nodiscard]] int interrupting_signal() noexcept;
[[nodiscard]] inline bool was_interrupted() noexcept { return interrupting_signal() != 0; }
