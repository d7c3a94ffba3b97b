#include "plot.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace {

bool has_gnuplot() {
  const char* const path = std::getenv("PATH");
  std::istringstream folders{path == nullptr ? "" : path};
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (!folder.empty() && ::access((folder + "/gnuplot").c_str(), X_OK) == 0) return true;
  }
  return false;
}

/// In gnuplot's single quotes, where only the quote itself is doubled.
std::string quoted(std::string_view text) {
  std::string result{"'"};
  for (const char c : text) result.append(c == '\'' ? 2 : 1, c);
  return result + '\'';
}

std::string script_for(const std::string& file, const std::vector<Flood>& floods) {
  std::string script = fmt::format(
      "set terminal png size 1000,600\nset output {}\nset title 'messages that wait'\nset xlabel 'milliseconds'\n"
      "set ylabel 'messages'\nset yrange [0:*]\nset key outside\n",
      quoted(file));
  for (std::size_t i = 0; i < floods.size(); ++i) {
    script += fmt::format("$flood{} << end_of_data\n0 0\n", i);
    for (const Sample& sample : floods[i].depth) {
      script += fmt::format("{:.6f} {}\n", std::chrono::duration<double, std::milli>{sample.at}.count(), sample.depth);
    }
    script += "end_of_data\n";
  }
  for (std::size_t i = 0; i < floods.size(); ++i) {
    script += fmt::format("{} $flood{} using 1:2 with lines title {}", i == 0 ? "plot" : ",", i,
                          quoted(floods[i].policy.name));
  }
  return script + "\n";
}

}  // namespace

std::string Plot::problem() const {
  if (!is_wanted()) return {};
  if (std::ranges::any_of(file_, [](char c) { return static_cast<unsigned char>(c) < 0x20; }))
    return "a control character in the name of a file";
  if (!has_gnuplot()) return "gnuplot is not there: on Debian it is in the package gnuplot-nox";
  return {};
}

std::string Plot::draw(const std::vector<Flood>& floods) const {
  const std::string script = script_for(file_, floods);
  std::signal(SIGPIPE, SIG_IGN);  // a gnuplot that ends early is told of below
  std::FILE* const gnuplot = ::popen("gnuplot", "w");
  if (gnuplot == nullptr) return std::generic_category().message(errno);
  const bool written = std::fwrite(script.data(), 1, script.size(), gnuplot) == script.size();
  const int status = ::pclose(gnuplot);
  if (status != 0 || !written) return "gnuplot has failed; what it said stands above";
  return {};
}
