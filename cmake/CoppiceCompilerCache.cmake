# ccache when it is there, unless the caller has chosen a launcher (or none: -DCMAKE_CXX_COMPILER_LAUNCHER=).
if(NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(COPPICE_CCACHE ccache)
  mark_as_advanced(COPPICE_CCACHE)
  if(COPPICE_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${COPPICE_CCACHE}" CACHE STRING "Runs before the compiler")
  endif()
endif()
