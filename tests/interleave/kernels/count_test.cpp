#include "base/mutex.hpp"
#include "catch.hpp"
#include "coppice/base/intrusive_ptr.hpp"
#include "interleave/kernels/found.hpp"

// References and the brief lock: who destroys knows of all last uses, who enters of all who have left.

namespace coppice::interleave {
namespace {

using namespace coppice::detail;

constexpr Exhaustive kWeak{.memory = Memory::Weak};

/// Counts itself; what a destructor would do is a write, so that a use that it does not know of is a data race.
struct Object {
  void add_ref() noexcept { refs.add(); }
  void release() noexcept {
    if (!refs.drop()) return;
    ++destroyed.write();
  }
  RefCount refs;
  Plain<int> destroyed{0};
};
using Ref = IntrusivePtr<Object>;

void use(const Ref& ref) { expect(ref->destroyed.read() == 0, "nobody uses what is destroyed"); }

TEST_CASE("the last of three references destroys once and knows of all uses", "[count]") {  // P17
  const auto drop = [] {
    Object object;
    Ref refs[3];
    refs[0] = Ref::adopt(&object);
    refs[1] = refs[0];
    refs[2] = refs[1];
    const auto let_go = [&refs](int i) {
      return [&ref = refs[i]] {
        use(ref);
        ref = Ref{};
      };
    };
    together({let_go(0), let_go(1), [&] {
                const Ref copy = refs[2];
                refs[2] = Ref{};
                use(copy);
              }});
    expect(object.destroyed.read() == 1, "destroyed once");
  };
  CHECK_THAT(explore("sequential", Exhaustive{}, drop), found(20, 34));
  CHECK_THAT(explore("weak", kWeak, drop), found(20, 34));
}

TEST_CASE("who holds the last reference knows of all uses", "[count]") {  // P17
  const auto last = [] {
    Object object;
    object.refs.add_unshared(1);
    Plain<int> shared{0};
    together({[&] {
                static_cast<void>(shared.read());
                static_cast<void>(object.refs.drop());
              },
              [&] {
                if (object.refs.is_last()) shared.write() = 1;
              }});
  };
  CHECK_THAT(explore("weak", kWeak, last), found(3, 3));
}

TEST_CASE("a brief lock lets one in who knows of those before", "[count]") {  // P17
  const auto lock = [] {
    BriefLock brief;
    Plain<int> guarded{0};
    const auto enter = [&] {
      brief.lock();
      ++guarded.write();
      brief.unlock();
    };
    together({enter, enter, enter});
    expect(guarded.read() == 3, "each has been in");
  };
  CHECK_THAT(explore("sequential", Exhaustive{}, lock), found(326, 263));
  CHECK_THAT(explore("weak", kWeak, lock), found(326, 263));
}

}  // namespace
}  // namespace coppice::interleave
