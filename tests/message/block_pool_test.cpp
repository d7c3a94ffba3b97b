#include "coppice/message/block_pool.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "support/scale.hpp"

namespace coppice::detail {
namespace {

struct Block {
  void* memory = nullptr;
  std::size_t bytes = 0;
  unsigned char mark = 0;
};

Block take(std::size_t bytes, unsigned char mark) {
  Block block{allocate_block(bytes), bytes, mark};
  std::memset(block.memory, mark, bytes);
  return block;
}

/// Whether nobody else has written into it; then it goes back.
bool give_back(const Block& block) {
  const auto* const bytes = static_cast<const unsigned char*>(block.memory);
  const bool intact = std::all_of(bytes, bytes + block.bytes, [&](unsigned char b) { return b == block.mark; });
  free_block(block.memory, block.bytes);
  return intact;
}

TEST_CASE("blocks of every size are aligned and do not overlap") {
  std::vector<Block> blocks;
  for (std::size_t bytes = 1; bytes <= kBlockMax + 100; ++bytes)
    blocks.push_back(take(bytes, static_cast<unsigned char>(bytes)));
  for (const Block& block : blocks) {
    CHECK(reinterpret_cast<std::uintptr_t>(block.memory) % 16 == 0);
    CHECK(give_back(block));
  }
}

TEST_CASE("more blocks than a magazine holds are all different") {
  std::vector<Block> blocks;
  std::set<void*> addresses;
  for (std::uint32_t i = 0; i < 5 * kMagazine + 3; ++i) {
    blocks.push_back(take(64, static_cast<unsigned char>(i)));
    addresses.insert(blocks.back().memory);
  }
  CHECK(addresses.size() == blocks.size());
  for (const Block& block : blocks) CHECK(give_back(block));
}

TEST_CASE("as many blocks as fill chunks of every size do not overlap") {
  constexpr std::size_t kBytes = 7 * kBlockStep;  // which divides no chunk
  std::vector<Block> blocks;
  for (std::size_t taken = 0; taken < std::size_t{24} * 1024 * 1024; taken += kBytes)
    blocks.push_back(take(kBytes, static_cast<unsigned char>(blocks.size() % 251)));
  std::size_t damaged = 0;
  for (const Block& block : blocks) damaged += give_back(block) ? 0U : 1U;
  CHECK(damaged == 0);
}

// Where every block is an allocation of its own there are no magazines.
#if !defined(__SANITIZE_ADDRESS__)
std::uint32_t length(const Magazine& magazine) {
  std::uint32_t blocks = 0;
  for (const FreeBlock* each = magazine.top; each != nullptr; each = each->next) ++blocks;
  return blocks;
}

TEST_CASE("a magazine has as many blocks as it says, and never more than fit") {
  constexpr std::size_t kBytes = 3 * kBlockStep;
  const Magazine& magazine = thread_magazines.classes[kBytes / kBlockStep - 1];
  std::vector<void*> taken;
  std::uint32_t wrong = 0;
  // Up and down, further each time: past the edges of both magazines, and into new chunks.
  for (std::size_t most = 1; most < 2000; most += most / 3 + 1) {
    while (taken.size() < most) {
      taken.push_back(allocate_block(kBytes));
      wrong += magazine.count != length(magazine) || magazine.count > kMagazine ? 1U : 0U;
    }
    while (taken.size() > most / 2) {
      free_block(taken.back(), kBytes);
      taken.pop_back();
      wrong += magazine.count != length(magazine) || magazine.count > kMagazine ? 1U : 0U;
    }
  }
  for (void* const block : taken) free_block(block, kBytes);
  CHECK(wrong == 0);
}
#endif

TEST_CASE("blocks may be freed on another thread than the one that took them") {
  std::mutex mutex;
  std::deque<Block> on_the_way;
  bool done = false;
  std::size_t damaged = 0;
  std::size_t freed = 0;
  const std::size_t count = testing::scaled(200'000);
  std::thread other{[&] {
    for (;;) {
      std::deque<Block> batch;
      {
        const std::lock_guard lock{mutex};
        batch.swap(on_the_way);
        if (batch.empty() && done) return;
      }
      for (const Block& block : batch) {
        damaged += give_back(block) ? 0U : 1U;
        ++freed;
      }
      if (batch.empty()) std::this_thread::yield();
    }
  }};
  for (std::size_t i = 0; i < count; ++i) {
    const Block block = take(1 + i % kBlockMax, static_cast<unsigned char>(i));
    const std::lock_guard lock{mutex};
    on_the_way.push_back(block);
  }
  {
    const std::lock_guard lock{mutex};
    done = true;
  }
  other.join();
  CHECK(freed == count);
  CHECK(damaged == 0);
}

TEST_CASE("threads that come and go leave blocks that others can use") {
  std::size_t damaged = 0;
  for (std::size_t round = 0; round < testing::scaled(200); ++round) {
    std::vector<Block> blocks;
    std::thread{[&] {
      for (unsigned char i = 0; i < 100; ++i) blocks.push_back(take(96, i));
    }}.join();
    std::thread{[&] {
      for (const Block& block : blocks) damaged += give_back(block) ? 0U : 1U;
    }}.join();
  }
  CHECK(damaged == 0);
}

struct Pooled : PoolAllocated {
  explicit Pooled(int v) : value{v} {}
  int value;
  char rest[40]{};
};

TEST_CASE("a pooled class is made and deleted as any other") {
  auto* const one = new Pooled{1};
  auto* const two = new Pooled{2};
  CHECK(one != two);
  CHECK(one->value == 1);
  CHECK(two->value == 2);
  delete one;
  delete two;
}

}  // namespace
}  // namespace coppice::detail
