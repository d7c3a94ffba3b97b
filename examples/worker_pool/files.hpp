#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// One file to count.
struct Job {
  std::string path;
  std::uint64_t size = 0;  ///< when it was found; what is read decides
  unsigned attempts = 0;   ///< so many workers have begun it
};

/// A path that was not counted, and why not.
struct Failure {
  std::string path;
  std::string reason;
  unsigned attempts = 0;
};

/// What lies below some paths.
struct Found {
  std::vector<Job> jobs;  ///< regular files: each path's in the order of their names
  std::vector<Failure> failures;
  std::uint64_t bytes = 0;
};

/// Looks below `paths`. Symbolic links are followed, as by `find -L`; a directory inside itself is reported, not
/// entered. Comes back early with what it has when the program is interrupted.
[[nodiscard]] Found find_files(const std::vector<std::string>& paths);
