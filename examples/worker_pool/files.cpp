#include "files.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "../support/interrupt.hpp"

namespace {

/// A directory that is being looked through. They stand on a stack of their own: no depth of the tree can overflow
/// ours.
struct Open {
  dev_t device;
  ino_t inode;
  std::string path;
  std::vector<std::string> names;  ///< still to visit, the next one last
};

std::string words_of(int error) { return std::generic_category().message(error); }

std::string join(const std::string& directory, const std::string& name) {
  return directory.ends_with('/') ? directory + name : directory + '/' + name;
}

/// Why something that is neither a file nor a directory is not counted.
const char* not_a_file(mode_t mode) {
  if (S_ISFIFO(mode)) return "is a named pipe, not a file";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "is a device, not a file";
  if (S_ISSOCK(mode)) return "is a socket, not a file";
  return "is not a file";
}

class Walk {
 public:
  Found run(const std::vector<std::string>& paths) {
    for (const std::string& path : paths) {
      visit(path);
      while (!open_.empty() && !was_interrupted()) step();
    }
    return std::move(found_);
  }

 private:
  void step() {
    Open& here = open_.back();
    if (here.names.empty()) {
      open_.pop_back();
      return;
    }
    const std::string path = join(here.path, here.names.back());
    here.names.pop_back();
    visit(path);
  }

  void visit(const std::string& path) {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0) {
      fail(path, why_no_status(path, errno));
    } else if (S_ISDIR(status.st_mode)) {
      enter(path, status);
    } else if (S_ISREG(status.st_mode)) {
      const auto size = static_cast<std::uint64_t>(status.st_size);
      found_.jobs.push_back({.path = path, .size = size});
      found_.bytes += size;
    } else {
      fail(path, not_a_file(status.st_mode));
    }
  }

  static std::string why_no_status(const std::string& path, int error) {
    struct stat link{};
    if (error == ENOENT && ::lstat(path.c_str(), &link) == 0) return "is a symbolic link to nothing";
    return words_of(error);
  }

  void enter(const std::string& path, const struct stat& status) {
    const auto same = [&](const Open& above) { return above.inode == status.st_ino && above.device == status.st_dev; };
    if (const auto above = std::ranges::find_if(open_, same); above != open_.end()) {
      fail(path, "is a directory loop: it is " + above->path + " again");
      return;
    }
    Open directory{.device = status.st_dev, .inode = status.st_ino, .path = path, .names = {}};
    std::error_code error;
    std::filesystem::directory_iterator entries{path, error};
    for (; !error && entries != std::filesystem::directory_iterator{}; entries.increment(error)) {
      directory.names.push_back(entries->path().filename().string());
    }
    if (error) fail(path, error.message());
    std::ranges::sort(directory.names, std::greater{});
    open_.push_back(std::move(directory));
  }

  void fail(const std::string& path, std::string reason) {
    found_.failures.push_back({.path = path, .reason = std::move(reason)});
  }

  Found found_;
  std::vector<Open> open_;
};

}  // namespace

Found find_files(const std::vector<std::string>& paths) { return Walk{}.run(paths); }
