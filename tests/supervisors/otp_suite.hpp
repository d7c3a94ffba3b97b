#pragma once

#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "coppice/testing/probe.hpp"
#include "coppice/testing/test_system.hpp"
#include "supervisors/family.hpp"
#include "support/test_end.hpp"

// OTP's own test cases of its supervisor, by their names. README.md beside this file lists those that have no meaning here.

namespace coppice::testing {

/// A supervisor in a TestSystem and what its children tell; ends with the ledger.
struct Suite {
  explicit Suite(SupervisorOptions options, std::vector<ChildSpec> children = {}) : Suite{} {
    run(std::move(options), std::move(children));
  }
  Suite() { family.with_reasons = true; }
  ~Suite() { check_end(system); }

  void run(SupervisorOptions options, std::vector<ChildSpec> children) {
    if (options.id.empty()) options.id = "app";
    auto started = system.start(SupervisorSpec{std::move(options), std::move(children)});
    REQUIRE(started);
    root = *started;
    family.take().clear();
  }
  [[nodiscard]] ChildSpec spec(const std::string& id, Restart restart = Restart::Permanent, bool significant = false) {
    return member(family, ChildOptions{.id = id, .restart = restart, .significant = significant});
  }
  [[nodiscard]] std::vector<ChildSpec> specs(const std::vector<std::string>& ids) { return members(family, ids); }
  void settle() { system.run_until_idle(); }
  void crash(const std::string& id) {
    at(root, id).send(Bang{});
    settle();
  }
  void end(const std::string& id, const ExitReason& reason) {
    at(root, id).send(End{reason});
    settle();
  }
  /// Newest first: "b running".
  [[nodiscard]] Lines which() {
    Lines lines;
    const std::vector<ChildInfo> children = root.which_children().value();
    for (const ChildInfo& child : children) lines.push_back(child.id + ' ' + to_string(child.state));
    return lines;
  }
  [[nodiscard]] ChildCounts counts() { return root.count_children().value(); }
  [[nodiscard]] std::uint32_t lives(const std::string& id) { return at(root, id).incarnation(); }
  [[nodiscard]] bool is_over() { return system.has_stopped(root); }

  Family family;
  TestSystem system;
  ActorRef<Supervisor> root;
};

}  // namespace coppice::testing
