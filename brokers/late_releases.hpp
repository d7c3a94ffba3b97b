#pragma once

#include <array>
#include <cstdint>

#include "coppice/brokers/publication.hpp"
#include "coppice/scheduler/scheduler.hpp"

namespace coppice::detail {

/// From so many receivers on, what they give back one by one is put off: each step of the count is a locked instruction,
/// a quarter of what a delivery costs.
inline constexpr std::uint32_t kManyShares = 4;

/// The next place of this thread's publications, so that those of one burst have different ones, and those of another
/// thread most likely as well. Never 0.
[[nodiscard]] std::uint32_t next_late_place() noexcept;

/// The shares of publications that a worker's actors have given back, until the worker takes them off the count: one
/// step for all that its actors had of a publication. Only of publications whose end nobody sees: it frees a block of
/// the pool and does nothing else. So a worker that stays in a handler keeps at most kPlaces such blocks.
///
/// Threads    the worker's own.
/// Ownership  has the shares that were put off.
class LateReleases final : public PutOff {
 public:
  static constexpr std::uint32_t kPlaces = 256;

  ~LateReleases() override { catch_up(); }
  /// Takes over one share.
  void add(Publication& publication, std::uint32_t place) noexcept {
    Entry& entry = entries_[place % kPlaces];
    if (entry.publication == &publication) {
      ++entry.shares;
    } else {
      replace(entry, publication);
    }
  }
  void catch_up() noexcept override;
  [[nodiscard]] bool is_empty() const noexcept { return used_count_ == 0; }

 private:
  struct Entry {
    Publication* publication = nullptr;
    std::uint32_t shares = 0;
  };
  void replace(Entry& entry, Publication& publication) noexcept;

  std::array<Entry, kPlaces> entries_;
  std::array<std::uint8_t, kPlaces> used_;  // the first used_count_: which entries are
  std::uint32_t used_count_ = 0;
};

/// Gives one share back: at once, or, on a worker and where it may, with the next ones.
void release_late(Publication& publication) noexcept;

}  // namespace coppice::detail
