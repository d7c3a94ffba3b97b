#include "coppice/supervisors/child_spec.hpp"

#include <utility>

#include "dynamic_factory.hpp"
#include "supervisor_factory.hpp"

namespace coppice {

const char* to_string(Restart restart) noexcept {
  switch (restart) {
    case Restart::Permanent: return "permanent";
    case Restart::Transient: return "transient";
    case Restart::Temporary: return "temporary";
  }
  return "unknown";
}

const char* to_string(AutoShutdown auto_shutdown) noexcept {
  switch (auto_shutdown) {
    case AutoShutdown::Never: return "never";
    case AutoShutdown::AnySignificant: return "any significant";
    case AutoShutdown::AllSignificant: return "all significant";
  }
  return "unknown";
}

// Here, so that users compile none of them.
ChildSpec::ChildSpec(ChildOptions options, const detail::ActorOps& ops, detail::Factory* factory)
    : options_{std::move(options)}, ops_{&ops}, factory_{detail::IntrusivePtr<detail::Factory>::adopt(factory)} {}
ChildSpec::ChildSpec(const ChildSpec&) = default;
ChildSpec::ChildSpec(ChildSpec&&) noexcept = default;
ChildSpec& ChildSpec::operator=(const ChildSpec&) = default;
ChildSpec& ChildSpec::operator=(ChildSpec&&) noexcept = default;
ChildSpec::~ChildSpec() = default;

SupervisorSpec::SupervisorSpec(SupervisorOptions options, std::vector<ChildSpec> children)
    : options_{std::move(options)}, children_{std::move(children)} {}
SupervisorSpec::SupervisorSpec(const SupervisorSpec&) = default;
SupervisorSpec::SupervisorSpec(SupervisorSpec&&) noexcept = default;
SupervisorSpec& SupervisorSpec::operator=(const SupervisorSpec&) = default;
SupervisorSpec& SupervisorSpec::operator=(SupervisorSpec&&) noexcept = default;
SupervisorSpec::~SupervisorSpec() = default;

ChildSpec::ChildSpec(const SupervisorSpec& tree)
    : options_{.id = tree.id(),
               .restart = tree.options().restart,
               .shutdown = tree.options().shutdown,
               .start_within = kForever,
               .significant = tree.options().significant,
               .name = tree.options().name},
      ops_{&detail::kActorOps<Supervisor>},
      tree_{std::make_shared<const SupervisorSpec>(tree)} {}

ChildSpec ChildSpec::with_id(std::string id) const {
  ChildSpec other = *this;
  other.options_.id = std::move(id);
  return other;
}

detail::IntrusivePtr<detail::Factory> ChildSpec::factory() const {
  if (tree_ == nullptr) return factory_ ? factory_->for_place() : factory_;
  return detail::IntrusivePtr<detail::Factory>::adopt(new detail::SupervisorFactory{tree_});
}

bool operator==(const ChildSpec& a, const ChildSpec& b) {
  if ((a.tree_ == nullptr) != (b.tree_ == nullptr)) return false;
  if (a.tree_ != nullptr) return a.id() == b.id() && *a.tree_ == *b.tree_;
  const ChildOptions& x = a.options_;
  const ChildOptions& y = b.options_;
  if (const auto* const options = detail::dynamic_options(a)) {
    const auto* const others = detail::dynamic_options(b);
    if (others == nullptr || options->children_max != others->children_max || options->intensity != others->intensity ||
        options->backoff != others->backoff)
      return false;
  }
  return detail::same_type(a.ops_->type, b.ops_->type) && x.id == y.id && x.restart == y.restart &&
         x.shutdown == y.shutdown && x.start_within == y.start_within && x.mailbox == y.mailbox &&
         x.significant == y.significant && x.name == y.name && x.health == y.health;
}

bool operator==(const SupervisorSpec& a, const SupervisorSpec& b) {
  const SupervisorOptions& x = a.options_;
  const SupervisorOptions& y = b.options_;
  return x.id == y.id && x.strategy == y.strategy && x.intensity == y.intensity && x.backoff == y.backoff &&
         x.auto_shutdown == y.auto_shutdown && x.significant == y.significant && x.restart == y.restart &&
         x.shutdown == y.shutdown && x.name == y.name && a.children_ == b.children_;
}

std::string SupervisorSpec::to_string() const {
  std::string text;
  // A stack of our own: a spec may be nested deeper than the thread's.
  std::vector<std::pair<const SupervisorSpec*, std::size_t>> open{{this, 0}};
  text += options_.id + " (" + std::string{options_.strategy.name()} + ")\n";
  while (!open.empty()) {
    auto& [spec, next] = open.back();
    if (next == spec->children_.size()) {
      open.pop_back();
      continue;
    }
    const ChildSpec& child = spec->children_[next++];
    text += std::string(2 * open.size(), ' ') + child.id() + " (" + coppice::to_string(child.options().restart) + ", ";
    if (child.tree() != nullptr) {
      text += std::string{child.tree()->options().strategy.name()} + ")\n";
      open.emplace_back(child.tree(), 0);
    } else {
      text += std::string{child.type()} + ")\n";
    }
  }
  return text;
}

namespace detail {

void append(std::vector<ChildSpec>& to, ChildSpec spec) { to.push_back(std::move(spec)); }
void append(std::vector<ChildSpec>& to, std::vector<ChildSpec> specs) {
  for (ChildSpec& spec : specs) to.push_back(std::move(spec));
}

std::string numbered(std::string_view pattern, std::size_t number) {
  std::string id{pattern};
  const std::size_t hole = id.find("{}");
  if (hole == std::string::npos) return id + std::to_string(number);
  return id.replace(hole, 2, std::to_string(number));
}

}  // namespace detail
}  // namespace coppice
