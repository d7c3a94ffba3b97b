// Loaded in front of the C library (LD_PRELOAD) by power_cut.py: knows what a power cut would leave of a folder.
//
// In the mirror there is what has been synchronized: inodes/N, a file's bytes, and entries, the folder's names; above, when
// the folder that it is in has been. What was written, made or renamed and not synchronized is not in it. With a file
// fail-write in the mirror the disk is full, half a write before the error; with throw-write memory is short just then; with
// fail-fsync it cannot be synchronized, with slow-fsync that takes 300 ms.
//
// POWER_CUT_FOLDER, POWER_CUT_MIRROR: where.

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>

namespace {

const char* environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}
const std::string& folder() {
  static const std::string path = environment("POWER_CUT_FOLDER");
  return path;
}
std::string mirror(const std::string& name) { return std::string{environment("POWER_CUT_MIRROR")} + '/' + name; }
std::string inode_path(const struct stat& of) { return mirror("inodes/" + std::to_string(of.st_ino)); }
bool is_set(const char* name) { return ::access(mirror(name).c_str(), F_OK) == 0; }

template <class F>
F next(const char* name) {
  return reinterpret_cast<F>(::dlsym(RTLD_NEXT, name));
}

std::string path_of(int descriptor) {
  char path[4'096];
  const ssize_t length = ::readlink(("/proc/self/fd/" + std::to_string(descriptor)).c_str(), path, sizeof path);
  return {path, static_cast<std::size_t>(length > 0 ? length : 0)};
}

/// Whether it is the folder, or in it.
bool is_ours(int descriptor) { return path_of(descriptor).rfind(folder(), 0) == 0; }

/// Whether it is what the folder is in.
bool is_above(int descriptor) { return path_of(descriptor) == folder().substr(0, folder().rfind('/')); }

bool put(const std::string& path, const std::string& bytes) {
  static thread_local unsigned count = 0;
  const std::string under_way = path + "." + std::to_string(::gettid()) + "." + std::to_string(++count);
  std::FILE* const file = std::fopen(under_way.c_str(), "w");
  if (file == nullptr) return false;
  const bool is_whole = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  return std::fclose(file) == 0 && is_whole && std::rename(under_way.c_str(), path.c_str()) == 0;
}

bool keep_folder() {
  DIR* const opened = ::opendir(folder().c_str());
  if (opened == nullptr) return false;
  std::string all;
  while (const dirent* const entry = ::readdir(opened)) {
    if (entry->d_type == DT_REG) all += std::to_string(entry->d_ino) + ' ' + entry->d_name + '\n';
  }
  ::closedir(opened);
  return put(mirror("entries"), all);
}

bool keep_file(int descriptor, const struct stat& of) {
  std::string bytes(static_cast<std::size_t>(of.st_size), '\0');
  const int again = ::open(("/proc/self/fd/" + std::to_string(descriptor)).c_str(), O_RDONLY | O_CLOEXEC);
  if (again < 0) return false;
  const ssize_t count = ::pread(again, bytes.data(), bytes.size(), 0);
  ::close(again);
  return count == static_cast<ssize_t>(bytes.size()) && put(inode_path(of), bytes);
}

/// A new file may have the number of one that is gone.
template <class Open>
int open_and_forget_if_new(const char* path, int flags, const Open& open_it) {
  const bool is_new = (flags & O_CREAT) != 0 && ::access(path, F_OK) != 0;
  const int descriptor = open_it();
  struct stat of{};
  if (descriptor >= 0 && is_new && is_ours(descriptor) && ::fstat(descriptor, &of) == 0)
    ::unlink(inode_path(of).c_str());
  return descriptor;
}

int synchronize(int descriptor, const char* how) {
  if (is_above(descriptor)) put(mirror("above"), {});
  if (!is_ours(descriptor)) return next<int (*)(int)>(how)(descriptor);
  struct stat of{};
  if (is_set("slow-fsync")) ::usleep(300'000);
  errno = EIO;
  if (is_set("fail-fsync") || ::fstat(descriptor, &of) != 0) return -1;
  if (S_ISDIR(of.st_mode) ? keep_folder() : keep_file(descriptor, of)) return 0;
  std::fputs("power_cut: the mirror cannot be written\n", stderr);
  std::abort();
}

}  // namespace

extern "C" int fsync(int descriptor) { return synchronize(descriptor, "fsync"); }
extern "C" int fdatasync(int descriptor) { return synchronize(descriptor, "fdatasync"); }

extern "C" ssize_t write(int descriptor, const void* bytes, size_t count) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t)>("write");
  static thread_local bool is_half = false;
  if (is_set("throw-write") && is_ours(descriptor)) throw std::bad_alloc{};
  if (!is_set("fail-write") || !is_ours(descriptor)) return real(descriptor, bytes, count);
  is_half = !is_half;
  if (is_half && count > 1) return real(descriptor, bytes, count / 2);
  errno = ENOSPC;
  return -1;
}

// Both, since a program's calls go to one or the other.
extern "C" int open(const char* path, int flags, ...) {
  static const auto real = next<int (*)(const char*, int, ...)>("open");
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  return open_and_forget_if_new(path, flags, [&] { return real(path, flags, mode); });
}
extern "C" int open64(const char* path, int flags, ...) {
  static const auto real = next<int (*)(const char*, int, ...)>("open64");
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  return open_and_forget_if_new(path, flags, [&] { return real(path, flags, mode); });
}
