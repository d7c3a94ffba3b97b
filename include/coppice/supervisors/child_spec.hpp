#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "coppice/actor/actor.hpp"
#include "coppice/supervisors/auto_shutdown.hpp"
#include "coppice/supervisors/backoff.hpp"
#include "coppice/supervisors/health_check.hpp"
#include "coppice/supervisors/intensity.hpp"
#include "coppice/supervisors/one_for_one.hpp"
#include "coppice/supervisors/restart.hpp"
#include "coppice/supervisors/strategy.hpp"

namespace coppice {

class Supervisor;
class SupervisorSpec;
class DynamicSupervisorSpec;

/// How long a child may take to end when its supervisor stops it. Source: OTP's shutdown values.
class Shutdown {
 public:
  template <class Rep, class Period>
  Shutdown(std::chrono::duration<Rep, Period> within) noexcept : within_{detail::saturating_cast(within)} {}
  /// Killed at once: no on_stop.
  [[nodiscard]] static Shutdown brutal() noexcept { return Shutdown{Duration::min()}; }
  /// As long as it takes. What supervisors get by default: their children have deadlines of their own.
  [[nodiscard]] static Shutdown infinity() noexcept { return Shutdown{kForever}; }

  [[nodiscard]] bool is_brutal() const noexcept { return within_ == Duration::min(); }
  [[nodiscard]] bool is_infinite() const noexcept { return within_ == kForever; }
  [[nodiscard]] Duration within() const noexcept { return within_; }
  friend bool operator==(const Shutdown&, const Shutdown&) = default;

 private:
  Duration within_;
};

struct ChildOptions {
  std::string id = {};  ///< without '/'; unique within the supervisor and not empty, but for a dynamic one's
  Restart restart = Restart::Permanent;
  Shutdown shutdown = std::chrono::seconds{5};
  Duration start_within = std::chrono::seconds{30};  ///< then the start has failed
  MailboxOptions mailbox = {};                       ///< SystemOptions::mailbox where it is not given
  bool significant = false;  ///< its end may end the supervisor: see AutoShutdown. Not for a Permanent child
  std::string name = {};     ///< unique among live actors, kept over restarts: System::find, named. Empty: none
  HealthCheck health = {};   ///< off by default
};

/// How a supervisor makes one child. A value: kept, copied, compared (by options and type; arguments are not compared).
class ChildSpec {
 public:
  [[nodiscard]] const std::string& id() const noexcept { return options_.id; }
  [[nodiscard]] const ChildOptions& options() const noexcept { return options_; }
  [[nodiscard]] std::string_view type() const noexcept { return ops_->type->name; }
  /// The same under another id.
  [[nodiscard]] ChildSpec with_id(std::string id) const;
  [[nodiscard]] bool is_supervisor() const noexcept { return ops_->child_event != nullptr; }
  /// Null for a plain child, and for a dynamic supervisor: nobody knows its children beforehand.
  [[nodiscard]] const SupervisorSpec* tree() const noexcept { return tree_.get(); }
  friend bool operator==(const ChildSpec& a, const ChildSpec& b);

  // For the factory functions below.
  ChildSpec(ChildOptions options, const detail::ActorOps& ops, detail::Factory* factory);  // takes its count
  ChildSpec(const SupervisorSpec& tree);  // a tree is a child of another
  ChildSpec(const DynamicSupervisorSpec& spec);
  ChildSpec(const ChildSpec&);
  ChildSpec(ChildSpec&&) noexcept;
  ChildSpec& operator=(const ChildSpec&);
  ChildSpec& operator=(ChildSpec&&) noexcept;
  ~ChildSpec();

  [[nodiscard]] const detail::ActorOps& ops() const noexcept { return *ops_; }
  /// What makes its lives; shared by all copies. Null: made by default.
  [[nodiscard]] detail::Factory* shared_factory() const noexcept { return factory_.get(); }
  /// One for each place: a supervisor's keeps its children's places.
  [[nodiscard]] detail::IntrusivePtr<detail::Factory> factory() const;

 private:
  ChildOptions options_;
  const detail::ActorOps* ops_;
  detail::IntrusivePtr<detail::Factory> factory_;
  std::shared_ptr<const SupervisorSpec> tree_;
};

struct SupervisorOptions {
  std::string id;
  AnyStrategy strategy = OneForOne{};
  Intensity intensity = {};
  Backoff backoff = {};  ///< off by default
  AutoShutdown auto_shutdown = AutoShutdown::Never;
  bool significant = false;  ///< as a child of another supervisor
  Restart restart =
      Restart::Permanent;  ///< as a child of another supervisor. Transient: not restarted when it gave up, see docs
  Shutdown shutdown = Shutdown::infinity();  ///< as a child of another supervisor
  std::string name = {};                     ///< unique among live actors, as ChildOptions::name
};

/// A supervisor and its children, in start order. A value.
class SupervisorSpec {
 public:
  SupervisorSpec(SupervisorOptions options, std::vector<ChildSpec> children);
  SupervisorSpec(const SupervisorSpec&);
  SupervisorSpec(SupervisorSpec&&) noexcept;
  SupervisorSpec& operator=(const SupervisorSpec&);
  SupervisorSpec& operator=(SupervisorSpec&&) noexcept;
  ~SupervisorSpec();
  [[nodiscard]] const SupervisorOptions& options() const noexcept { return options_; }
  [[nodiscard]] const std::vector<ChildSpec>& children() const noexcept { return children_; }
  [[nodiscard]] const std::string& id() const noexcept { return options_.id; }
  /// What whoever made it found wrong with it: it will not start, and say so.
  void find_fault_with(std::string text) { fault_ = std::move(text); }
  [[nodiscard]] const std::string& fault() const noexcept { return fault_; }
  /// An indented tree, a line each.
  [[nodiscard]] std::string to_string() const;
  friend bool operator==(const SupervisorSpec& a, const SupervisorSpec& b);

 private:
  SupervisorOptions options_;
  std::vector<ChildSpec> children_;
  std::string fault_;
};

/// A child of class A; each life is constructed from the arguments as const references.
template <class A, class... Args>
[[nodiscard]] ChildSpec child(ChildOptions options, Args&&... args) {
  return ChildSpec{std::move(options), detail::kActorOps<A>,
                   detail::make_factory<A, false>(std::forward<Args>(args)...)};
}

/// A child whose lives a callable makes: `child({.id = "s"}, [] { return Socket{…}; })`. The actor is constructed in
/// place. The callable runs on whatever worker runs the child, and on several at once where several places are made of
/// copies of one spec.
template <class F>
  requires std::is_invocable_v<F&>
[[nodiscard]] ChildSpec child(ChildOptions options, F make) {
  using A = std::invoke_result_t<F&>;
  return ChildSpec{std::move(options), detail::kActorOps<A>, new detail::MakerFactory<A, F>{std::move(make)}};
}

namespace detail {
/// "worker-{}" with the number in place of {}; without {} the number is appended.
[[nodiscard]] std::string numbered(std::string_view pattern, std::size_t number);
}  // namespace detail

/// `count` children alike, named by a pattern: `children<Worker>(8, "worker-{}", args…)` makes worker-1 to worker-8.
template <class A, class... Args>
[[nodiscard]] std::vector<ChildSpec> children(std::size_t count, std::string_view pattern, Args&&... args) {
  std::vector<ChildSpec> specs;
  specs.reserve(count);
  for (std::size_t i = 1; i <= count; ++i)
    specs.push_back(child<A>(ChildOptions{.id = detail::numbered(pattern, i)}, args...));
  return specs;
}
/// The same with options for all; their id is the pattern, and so is their name if they have one.
template <class A, class... Args>
[[nodiscard]] std::vector<ChildSpec> children(std::size_t count, const ChildOptions& options, Args&&... args) {
  std::vector<ChildSpec> specs;
  specs.reserve(count);
  for (std::size_t i = 1; i <= count; ++i) {
    ChildOptions each = options;
    each.id = detail::numbered(options.id, i);
    if (!options.name.empty()) each.name = detail::numbered(options.name, i);
    specs.push_back(child<A>(std::move(each), args...));
  }
  return specs;
}

namespace detail {
void append(std::vector<ChildSpec>& to, ChildSpec spec);
void append(std::vector<ChildSpec>& to, std::vector<ChildSpec> specs);
}  // namespace detail

/// A tree: `supervisor({.id = "app", .strategy = RestForOne{}}, child<A>(…), children<B>(…), supervisor(…))`.
template <class... Children>
[[nodiscard]] SupervisorSpec supervisor(SupervisorOptions options, Children&&... each) {
  std::vector<ChildSpec> all;
  (detail::append(all, std::forward<Children>(each)), ...);
  return SupervisorSpec{std::move(options), std::move(all)};
}

}  // namespace coppice
