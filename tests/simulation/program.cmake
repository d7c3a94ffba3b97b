# simulate: looks for a schedule of the workloads under which a promise breaks. It links the libraries that ship.
file(GLOB simulation_sources CONFIGURE_DEPENDS
  "${CMAKE_CURRENT_SOURCE_DIR}/simulation/*.cpp" "${CMAKE_CURRENT_SOURCE_DIR}/simulation/workloads/*.cpp")
list(FILTER simulation_sources EXCLUDE REGEX "_test\\.cpp$")
add_executable(simulate ${simulation_sources})
target_include_directories(simulate PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}")
target_link_libraries(simulate PRIVATE coppice::testing coppice::coppice CLI11::CLI11 fmt::fmt Threads::Threads)
