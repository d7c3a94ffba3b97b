# coppice_llhttp: Node's HTTP parser, for an example. Where the system has it as a library (Fedora), that; Debian has the
# C sources that it builds Node's HTTP clients of, of which one is made here. Where there is neither, there is no such
# target, and a word about it.
coppice_find_dependencies(missing llhttp)
if(missing)
  message(STATUS "examples/http_gateway is left out. ${missing}")
elseif(COPPICE_LLHTTP_LIBRARY)
  add_library(coppice_llhttp INTERFACE)
  target_link_libraries(coppice_llhttp INTERFACE "${COPPICE_LLHTTP_LIBRARY}")
  target_include_directories(coppice_llhttp SYSTEM INTERFACE "${COPPICE_LLHTTP_INCLUDE_DIR}")
else()
  enable_language(C)
  file(GLOB llhttp_sources "${COPPICE_LLHTTP_SOURCE_DIR}/*.c")
  add_library(coppice_llhttp STATIC ${llhttp_sources})
  # Others' code: as it is, without our warnings and without a sanitizer of another compiler.
  set_target_properties(coppice_llhttp PROPERTIES COMPILE_OPTIONS "-O2;-w")
  target_include_directories(coppice_llhttp SYSTEM PUBLIC "${COPPICE_LLHTTP_INCLUDE_DIR}")
endif()
