# What coppice needs from the machine, found in one place: the build includes this file, and so does the installed
# coppiceConfig.cmake.
#
# coppice_find_dependencies(<message> <name>...)
#   Finds each name and makes sure of its target. <message> is left empty, or says what is missing and how to install
#   it; the caller decides whether that is fatal.
#
#   Threads Threads::Threads          fmt fmt::fmt                      asio asio::asio
#   nlohmann_json nlohmann_json::*    concurrentqueue concurrentqueue::concurrentqueue
#   CLI11 CLI11::CLI11                csv csv::csv (libcsv, for C)      Catch2 Catch2::Catch2WithMain
#   benchmark benchmark::*            Python3 Python3::Interpreter
#   zlib ZLIB::ZLIB                   SQLite3 SQLite::SQLite3
#   OpenSSL OpenSSL::SSL
#   llhttp: COPPICE_LLHTTP_* say where it is, no target
#   caf caf::core, caf::io (0.17)     erlang erlang::erlc
include_guard(GLOBAL)

function(coppice_find_dependencies message_variable)
  set(missing "")
  set(apt "")
  set(dnf "")
  foreach(name IN LISTS ARGN)
    cmake_language(CALL coppice_find_${name})
    if(NOT found)
      list(APPEND missing "${what}")
      list(APPEND apt "${deb}")
      list(APPEND dnf "${rpm}")
    endif()
  endforeach()

  set(message "")
  if(missing)
    list(JOIN missing ", " missing)
    list(JOIN apt " " apt)
    list(JOIN dnf " " dnf)
    string(CONCAT message
      "coppice needs what was not found here: ${missing}.\n"
      "  Debian, Ubuntu:  sudo apt-get install --no-install-recommends ${apt}\n"
      "  Fedora:          sudo dnf install ${dnf}\n"
      "  Elsewhere:       -DCMAKE_PREFIX_PATH=<the prefix that has them>")
  endif()
  set(${message_variable} "${message}" PARENT_SCOPE)
endfunction()

# Each coppice_find_<name> answers in its caller's scope: found, what (for people), deb and rpm (package names).
macro(coppice_answer target what_ deb_ rpm_)
  set(what "${what_}" PARENT_SCOPE)
  set(deb "${deb_}" PARENT_SCOPE)
  set(rpm "${rpm_}" PARENT_SCOPE)
  if(TARGET ${target})
    set(found TRUE PARENT_SCOPE)
  else()
    set(found FALSE PARENT_SCOPE)
  endif()
endmacro()

function(coppice_find_Threads)
  set(THREADS_PREFER_PTHREAD_FLAG ON)
  find_package(Threads QUIET)
  coppice_answer(Threads::Threads "threads" libc6-dev glibc-devel)
endfunction()

function(coppice_find_fmt)
  find_package(fmt CONFIG QUIET)
  coppice_answer(fmt::fmt "fmt" libfmt-dev fmt-devel)
endfunction()

# Debian ships the headers alone; vcpkg and Conan ship this target.
function(coppice_find_asio)
  if(NOT TARGET asio::asio)
    find_package(asio CONFIG QUIET)
  endif()
  if(NOT TARGET asio::asio)
    find_path(COPPICE_ASIO_INCLUDE_DIR asio.hpp)
    mark_as_advanced(COPPICE_ASIO_INCLUDE_DIR)
    if(COPPICE_ASIO_INCLUDE_DIR)
      add_library(asio::asio INTERFACE IMPORTED)
      set_target_properties(asio::asio PROPERTIES
        INTERFACE_INCLUDE_DIRECTORIES "${COPPICE_ASIO_INCLUDE_DIR}"
        INTERFACE_COMPILE_DEFINITIONS "ASIO_STANDALONE")
    endif()
  endif()
  coppice_answer(asio::asio "standalone Asio (<asio.hpp>)" libasio-dev asio-devel)
endfunction()

# Debian 12 has <concurrentqueue/concurrentqueue.h>, Debian 13 and upstream <concurrentqueue/moodycamel/...>, and the
# config file of the latter two names the wrong folder: so the header is looked for, whatever a config says. The
# target's folder is the one that holds it: #include <concurrentqueue.h> is right everywhere.
function(coppice_find_concurrentqueue)
  if(NOT TARGET concurrentqueue::concurrentqueue)
    find_path(COPPICE_CONCURRENTQUEUE_INCLUDE_DIR concurrentqueue.h
      PATH_SUFFIXES concurrentqueue/moodycamel concurrentqueue moodycamel)
    mark_as_advanced(COPPICE_CONCURRENTQUEUE_INCLUDE_DIR)
    if(COPPICE_CONCURRENTQUEUE_INCLUDE_DIR)
      add_library(concurrentqueue::concurrentqueue INTERFACE IMPORTED)
      set_target_properties(concurrentqueue::concurrentqueue PROPERTIES
        INTERFACE_INCLUDE_DIRECTORIES "${COPPICE_CONCURRENTQUEUE_INCLUDE_DIR}")
    endif()
  endif()
  coppice_answer(concurrentqueue::concurrentqueue "moodycamel's ConcurrentQueue (<concurrentqueue.h>)"
    libconcurrentqueue-dev concurrentqueue-devel)
endfunction()

function(coppice_find_nlohmann_json)
  find_package(nlohmann_json CONFIG QUIET)
  coppice_answer(nlohmann_json::nlohmann_json "nlohmann_json" nlohmann-json3-dev json-devel)
endfunction()

function(coppice_find_CLI11)
  find_package(CLI11 CONFIG QUIET)
  coppice_answer(CLI11::CLI11 "CLI11" libcli11-dev cli11-devel)
endfunction()

function(coppice_find_csv)
  if(NOT TARGET csv::csv)
    find_path(COPPICE_CSV_INCLUDE_DIR csv.h)
    find_library(COPPICE_CSV_LIBRARY csv)
    mark_as_advanced(COPPICE_CSV_INCLUDE_DIR COPPICE_CSV_LIBRARY)
    if(COPPICE_CSV_INCLUDE_DIR AND COPPICE_CSV_LIBRARY)
      add_library(csv::csv UNKNOWN IMPORTED)
      set_target_properties(csv::csv PROPERTIES
        IMPORTED_LOCATION "${COPPICE_CSV_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${COPPICE_CSV_INCLUDE_DIR}")
    endif()
  endif()
  coppice_answer(csv::csv "libcsv (<csv.h>)" libcsv-dev libcsv-devel)
endfunction()

function(coppice_find_zlib)
  find_package(ZLIB QUIET)
  coppice_answer(ZLIB::ZLIB "zlib (<zlib.h>)" zlib1g-dev zlib-devel)
endfunction()

function(coppice_find_OpenSSL)
  find_package(OpenSSL 3.0 QUIET)
  coppice_answer(OpenSSL::SSL "OpenSSL 3 (<openssl/ssl.h>)" libssl-dev openssl-devel)
endfunction()

function(coppice_find_Catch2)
  find_package(Catch2 CONFIG QUIET)
  coppice_answer(Catch2::Catch2WithMain "Catch2" catch2 catch-devel)
endfunction()

function(coppice_find_SQLite3)
  find_package(SQLite3 QUIET)
  coppice_answer(SQLite::SQLite3 "SQLite 3 (<sqlite3.h>)" libsqlite3-dev sqlite-devel)
endfunction()

# Debian ships llhttp as the C sources that it builds Node's HTTP clients of, Fedora as a library.
function(coppice_find_llhttp)
  find_path(COPPICE_LLHTTP_INCLUDE_DIR llhttp.h PATHS /usr/share/include PATH_SUFFIXES llhttp)
  find_library(COPPICE_LLHTTP_LIBRARY llhttp)
  find_path(COPPICE_LLHTTP_SOURCE_DIR llhttp.c PATHS /usr/share/llhttp)
  mark_as_advanced(COPPICE_LLHTTP_INCLUDE_DIR COPPICE_LLHTTP_LIBRARY COPPICE_LLHTTP_SOURCE_DIR)
  coppice_answer(no_target "llhttp, an HTTP parser (<llhttp.h>)" node-llhttp llhttp-devel)
  if(COPPICE_LLHTTP_INCLUDE_DIR AND (COPPICE_LLHTTP_LIBRARY OR COPPICE_LLHTTP_SOURCE_DIR))
    set(found TRUE PARENT_SCOPE)
  endif()
endfunction()

function(coppice_find_benchmark)
  find_package(benchmark CONFIG QUIET)
  coppice_answer(benchmark::benchmark "Google Benchmark" libbenchmark-dev google-benchmark-devel)
endfunction()

function(coppice_find_Python3)
  find_package(Python3 COMPONENTS Interpreter QUIET)
  coppice_answer(Python3::Interpreter "Python 3" python3 python3)
endfunction()

# Of Debian's, 0.17.6, which has no config file.
function(coppice_find_caf)
  find_path(COPPICE_CAF_INCLUDE_DIR caf/all.hpp)
  mark_as_advanced(COPPICE_CAF_INCLUDE_DIR)
  foreach(part IN ITEMS core io)
    string(TOUPPER "COPPICE_CAF_${part}_LIBRARY" library)
    find_library(${library} caf_${part})
    mark_as_advanced(${library})
    if(NOT TARGET caf::${part} AND COPPICE_CAF_INCLUDE_DIR AND ${library})
      add_library(caf::${part} UNKNOWN IMPORTED)
      set_target_properties(caf::${part} PROPERTIES
        IMPORTED_LOCATION "${${library}}"
        INTERFACE_INCLUDE_DIRECTORIES "${COPPICE_CAF_INCLUDE_DIR}")
    endif()
  endforeach()
  coppice_answer(caf::io "the C++ actor framework 0.17 (<caf/io/all.hpp>)" libcaf-dev caf-devel)
endfunction()

function(coppice_find_erlang)
  if(NOT TARGET erlang::erlc)
    find_program(COPPICE_ERLC erlc)
    find_program(COPPICE_ERL erl)
    mark_as_advanced(COPPICE_ERLC COPPICE_ERL)
    if(COPPICE_ERLC AND COPPICE_ERL)
      add_executable(erlang::erlc IMPORTED)
      set_target_properties(erlang::erlc PROPERTIES IMPORTED_LOCATION "${COPPICE_ERLC}")
    endif()
  endif()
  coppice_answer(erlang::erlc "Erlang/OTP (erl, erlc)" erlang-base erlang-erts)
endfunction()
