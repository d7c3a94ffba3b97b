#pragma once

#include <memory>
#include <utility>
#include <vector>

/// What a context keeps for others, each of its kind once.
namespace asio {

class execution_context {
 public:
  class id {};
  class service {
   public:
    service(const service&) = delete;
    service& operator=(const service&) = delete;
    virtual ~service() = default;

   protected:
    explicit service(execution_context& context) noexcept : owner_{context} {}
    [[nodiscard]] execution_context& context() noexcept { return owner_; }

   private:
    virtual void shutdown() = 0;
    execution_context& owner_;
  };

  execution_context() = default;
  execution_context(const execution_context&) = delete;
  execution_context& operator=(const execution_context&) = delete;

 private:
  template <class Service>
  friend Service& use_service(execution_context& context);
  template <class Service>
  friend bool has_service(execution_context& context);
  std::vector<std::pair<const id*, std::unique_ptr<service>>> services_;
};

template <class Service>
[[nodiscard]] Service& use_service(execution_context& context) {
  for (const auto& [id, kept] : context.services_) {
    if (id == &Service::id) return static_cast<Service&>(*kept);
  }
  context.services_.emplace_back(&Service::id, std::make_unique<Service>(context));
  return static_cast<Service&>(*context.services_.back().second);
}
template <class Service>
[[nodiscard]] bool has_service(execution_context& context) {
  for (const auto& [id, kept] : context.services_) {
    if (id == &Service::id) return true;
  }
  return false;
}

}  // namespace asio
