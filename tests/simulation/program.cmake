# simulate: looks for a schedule of the workloads under which a promise breaks. It links the libraries that ship.
file(GLOB simulation_sources CONFIGURE_DEPENDS
  "${CMAKE_CURRENT_SOURCE_DIR}/simulation/*.cpp" "${CMAKE_CURRENT_SOURCE_DIR}/simulation/workloads/*.cpp")
list(FILTER simulation_sources EXCLUDE REGEX "_test\\.cpp$")
add_executable(simulate ${simulation_sources})
target_include_directories(simulate PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/src")
target_link_libraries(simulate PRIVATE coppice::testing coppice::coppice CLI11::CLI11 fmt::fmt Threads::Threads)

# 10⁵ seeds of each workload (scaled), within 3 minutes on 2 cores.
add_test(NAME "simulation/the workloads hold under all schedules" COMMAND simulate)
add_test(NAME "simulation/a run is a function of its workload and seed"
  COMMAND Python3::Interpreter "${CMAKE_CURRENT_LIST_DIR}/check_replay.py" $<TARGET_FILE:simulate>)
add_test(NAME "simulation/what makes no sense is refused"
  COMMAND Python3::Interpreter "${CMAKE_CURRENT_LIST_DIR}/check_program.py" $<TARGET_FILE:simulate>)
add_test(NAME "simulation/each bug can still be planted and no program has one"
  COMMAND Python3::Interpreter "${PROJECT_SOURCE_DIR}/tools/plant_bugs.py" --check --without $<TARGET_FILE:simulate>)
set_tests_properties(
  "simulation/the workloads hold under all schedules"
  "simulation/a run is a function of its workload and seed"
  "simulation/what makes no sense is refused"
  "simulation/each bug can still be planted and no program has one"
  PROPERTIES LABELS simulation TIMEOUT 180)
set_tests_properties("simulation/the workloads hold under all schedules" PROPERTIES PROCESSORS 2 TIMEOUT 600)
