// Each life of a child is made from the same arguments, as const references: none of them can be given away.
// expect: this actor cannot be constructed from these arguments as const references
#include <memory>

#include <coppice/coppice.hpp>

#ifdef WRONG
using Resource = std::unique_ptr<int>;
#else
using Resource = std::shared_ptr<int>;
#endif

struct Owner : coppice::Actor<Owner> {
  explicit Owner(Resource) {}
  void handle(int) {}
};

coppice::SupervisorSpec app() {
  return coppice::supervisor({.id = "app"}, coppice::child<Owner>({.id = "owner"}, Resource{}));
}
