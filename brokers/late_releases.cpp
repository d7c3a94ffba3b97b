#include "late_releases.hpp"

#include <memory>
#include <new>
#include <utility>

namespace coppice::detail {

std::uint32_t next_late_place() noexcept {
  constexpr std::uintptr_t kPage = 4096;
  constexpr std::uintptr_t kApart = 97;  // where threads' memory is an odd number of pages apart, as with a guard page
  thread_local std::uint32_t last =
      static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(&last) / kPage * kApart);
  return ++last % LateReleases::kPlaces + 1;
}

void LateReleases::add_first(Publication& publication, std::uint32_t place) noexcept {
  Entry& entry = entries_[place % kPlaces];
  const Entry older = std::exchange(entry, Entry{&publication, 1});
  if (older.publication == nullptr) {
    used_[used_count_++] = static_cast<std::uint8_t>(&entry - entries_.data());
  } else {
    older.publication->release(older.shares);
  }
}

void LateReleases::catch_up() noexcept {
  while (used_count_ > 0) {
    const Entry entry = std::exchange(entries_[used_[--used_count_]], Entry{});
    entry.publication->release(entry.shares);
  }
}

void release_first(Publication& publication) noexcept {
  const std::uint32_t place = publication.late_place();
  WorkerSlot* const worker = this_thread.worker;
  if (place == 0 || worker == nullptr) return publication.release();
  // Where there is no memory for it nothing is put off.
  if (worker->put_off == nullptr) worker->put_off.reset(new (std::nothrow) LateReleases);
  if (worker->put_off == nullptr) return publication.release();
  static_cast<LateReleases&>(*worker->put_off).add_first(publication, place);
}

}  // namespace coppice::detail
