#include "worker.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <stdexcept>
#include <system_error>

namespace {

constexpr std::size_t kPieceBytes = std::size_t{64} * 1024;

std::string words_of(int error) { return std::generic_category().message(error); }

}  // namespace

void Worker::on_start() {
  // By a message to itself: when it is handled, the supervisor has heard that this life runs, so what it counts is
  // complete by the time the coordinator hears of it.
  self().send(Hello{});
}

void Worker::handle(Hello) { coordinator_.send(Ready{self()}); }

void Worker::handle(Count&& count) {
  work_ = std::move(count);
  counter_ = {};
  if (open()) self().send(Next{});
}

bool Worker::open() {
  // Without O_NONBLOCK, opening what became a named pipe meanwhile would wait for a writer.
  file_ = ::open(work_.job.path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (file_ < 0) {
    give_up(words_of(errno));
    return false;
  }
  struct stat status{};
  if (::fstat(file_, &status) != 0 || !S_ISREG(status.st_mode)) {
    give_up("is no longer a file");
    return false;
  }
  size_ = static_cast<std::uint64_t>(status.st_size);
  buffer_.resize(kPieceBytes);
  return true;
}

void Worker::handle(Next) {
  if (work_.crash && counter_.counts().bytes > 0 && counter_.counts().bytes >= work_.job.size / 2) {
    coordinator_.send(Crashing{});
    throw std::runtime_error{"injected in the middle of " + work_.job.path};
  }
  read_piece();
}

void Worker::read_piece() {
  std::size_t wanted = buffer_.size();
  // A file of one piece has its middle in that piece.
  if (work_.crash) wanted = std::min<std::size_t>(wanted, std::max<std::uint64_t>(work_.job.size / 2, 1));
  const ssize_t got = ::read(file_, buffer_.data(), wanted);
  if (got < 0) {
    give_up(words_of(errno));
  } else if (got == 0) {
    finish();
  } else {
    counter_.add(std::span{buffer_}.first(static_cast<std::size_t>(got)));
    coordinator_.send(Read{self(), static_cast<std::uint64_t>(got)});
    self().send(Next{});
  }
}

void Worker::finish() {
  struct stat status{};
  const bool known = ::fstat(file_, &status) == 0;
  close();
  coordinator_.send(
      Counted{self(), counter_.counts(), size_, known ? static_cast<std::uint64_t>(status.st_size) : size_});
}

void Worker::give_up(std::string reason) {
  close();
  coordinator_.send(Unreadable{self(), std::move(reason)});
}

void Worker::close() noexcept {
  if (file_ >= 0) ::close(file_);
  file_ = -1;
}
