# The program: soak MINUTES [SEED], what `./dev stress` builds in Release and runs.
file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_LIST_DIR}/*.cpp")
list(FILTER sources EXCLUDE REGEX "_test\\.cpp$")
add_executable(soak EXCLUDE_FROM_ALL ${sources})
target_include_directories(soak PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}")
target_link_libraries(soak PRIVATE coppice::coppice fmt::fmt)
