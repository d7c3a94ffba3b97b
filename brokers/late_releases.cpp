#include "late_releases.hpp"

#include <memory>
#include <new>
#include <utility>

namespace coppice::detail {
namespace {

LateReleases* releases_of(WorkerSlot& worker) noexcept {
  // Where there is no memory for it nothing is put off.
  if (worker.put_off == nullptr) worker.put_off.reset(new (std::nothrow) LateReleases);
  return static_cast<LateReleases*>(worker.put_off.get());  // nobody else puts anything off
}

}  // namespace

std::uint32_t next_late_place() noexcept {
  constexpr std::uintptr_t kPage = 4096;
  constexpr std::uintptr_t kApart = 97;  // where threads' memory is an odd number of pages apart, as with a guard page
  thread_local std::uint32_t last =
      static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(&last) / kPage * kApart);
  return ++last % LateReleases::kPlaces + 1;
}

void LateReleases::replace(Entry& entry, Publication& publication) noexcept {
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

void release_late(Publication& publication) noexcept {
  const std::uint32_t place = publication.late_place();
  WorkerSlot* const worker = this_thread.worker;
  LateReleases* const late = place != 0 && worker != nullptr ? releases_of(*worker) : nullptr;
  if (late == nullptr) return publication.release();
  late->add(publication, place);
}

}  // namespace coppice::detail
