#pragma once

/// What a saga does next for its order. Forward are the first three; when one fails, those that were done are undone in
/// reverse.
///
///     Reserve -> Charge -> Ship -> Done            each arrow: the step was done
///        |          |        |
///        |          |     Recall                   a refused step changed nothing: its own undoing is skipped;
///        |       Refund <----+                     one that crashed too often may have been done: it is not skipped
///     Release <-----+
///        +-> Undone
enum class Step : unsigned char { Reserve, Charge, Ship, Recall, Refund, Release, Done, Undone };

/// How a step came out.
enum class Verdict : unsigned char {
  Done,
  NoStock,   ///< the warehouse has not so many
  Declined,  ///< the customer has not so much
  TooHeavy,  ///< the carrier takes no such parcel
  Crashed,   ///< its service crashed again and again: nobody knows whether it was done
};

[[nodiscard]] constexpr bool is_over(Step step) { return step == Step::Done || step == Step::Undone; }
[[nodiscard]] constexpr bool is_forward(Step step) { return step <= Step::Ship; }

/// The one place that knows the order of the steps.
[[nodiscard]] constexpr Step next_step(Step step, Verdict verdict) {
  const bool done = verdict == Verdict::Done;
  const bool unknown = verdict == Verdict::Crashed;
  switch (step) {
    case Step::Reserve: return done ? Step::Charge : unknown ? Step::Release : Step::Undone;
    case Step::Charge: return done ? Step::Ship : unknown ? Step::Refund : Step::Release;
    case Step::Ship: return done ? Step::Done : unknown ? Step::Recall : Step::Refund;
    case Step::Recall: return Step::Refund;
    case Step::Refund: return Step::Release;
    default: return step == Step::Release ? Step::Undone : step;
  }
}

[[nodiscard]] constexpr const char* to_string(Step step) {
  switch (step) {
    case Step::Reserve: return "reserve";
    case Step::Charge: return "charge";
    case Step::Ship: return "ship";
    case Step::Recall: return "recall";
    case Step::Refund: return "refund";
    case Step::Release: return "release";
    case Step::Done: return "done";
    case Step::Undone: return "undone";
  }
  return "unknown";
}

[[nodiscard]] constexpr const char* to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::Done: return "done";
    case Verdict::NoStock: return "no stock";
    case Verdict::Declined: return "card declined";
    case Verdict::TooHeavy: return "too heavy";
    case Verdict::Crashed: return "a service crashed too often";
  }
  return "unknown";
}
