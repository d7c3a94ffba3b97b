#pragma once

/// From here on Ctrl-C and SIGTERM are noted; a second one ends the program at once.
void catch_interrupts();

/// The signal that was noted, or 0. Any thread.
[[nodiscard]] int interrupting_signal() noexcept;
[[nodiscard]] inline bool was_interrupted() noexcept { return interrupting_signal() != 0; }
