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
  /// Takes over one share, if it has one of that publication already.
  [[nodiscard]] bool add_further(const Publication& publication, std::uint32_t place) noexcept {
    Entry& entry = entries_[place % kPlaces];
    if (entry.publication != &publication) return false;
    ++entry.shares;
    return true;
  }
  /// Takes over the first share of a publication. Whose place it was is given back.
  void add_first(Publication& publication, std::uint32_t place) noexcept;
  void catch_up() noexcept override;
  [[nodiscard]] bool is_empty() const noexcept { return used_count_ == 0; }

 private:
  struct Entry {
    Publication* publication = nullptr;
    std::uint32_t shares = 0;
  };

  std::array<Entry, kPlaces> entries_;
  std::array<std::uint8_t, kPlaces> used_;  // the first used_count_: which entries are
  std::uint32_t used_count_ = 0;
};

/// The first of its publication on this worker, or one that cannot be put off.
void release_first(Publication& publication) noexcept;

/// Gives one share back: at once, or, on a worker and where it may, with the next ones.
inline void release_late(Publication& publication) noexcept {
  if (const std::uint32_t place = publication.late_place(); place != 0) [[likely]] {
    WorkerSlot* const worker = this_thread.worker;
    // Nobody else puts anything off.
    auto* const late = worker != nullptr ? static_cast<LateReleases*>(worker->put_off.get()) : nullptr;
    if (late != nullptr && late->add_further(publication, place)) [[likely]]
      return;
  }
  release_first(publication);
}

}  // namespace coppice::detail
