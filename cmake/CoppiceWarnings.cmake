# Warnings, for every target of a top-level build: who builds coppice inside another project has warnings of their own.
if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
  add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion)
  if(COPPICE_WERROR)
    add_compile_options(-Werror)
  endif()
endif()
