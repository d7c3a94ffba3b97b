# The core once more, compiled with what stands in for atomics, mutexes, threads, futexes and fences: every
# synchronisation is a point where the engine decides who goes on. docs/explanation/interleaving.md tells the rest.
set(interleave "${CMAKE_CURRENT_SOURCE_DIR}/interleave")
file(GLOB engine CONFIGURE_DEPENDS "${interleave}/engine/*.cpp")
# Most of the time is the engine's own, not that of what it runs.
if(NOT COPPICE_COVERAGE)
  set_source_files_properties(${engine} PROPERTIES COMPILE_OPTIONS -O2)
endif()
foreach(part IN ITEMS base message mailbox scheduler actor system)
  file(GLOB interleaved_${part} CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/${part}/*.cpp")
endforeach()
foreach(part IN ITEMS supervisors brokers)
  file(GLOB interleaved_${part} CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${part}/*.cpp")
endforeach()
# The engine's platform.cpp has the way a program ends.
list(FILTER interleaved_base EXCLUDE REGEX "/assert\\.cpp$")

# The kernels apart: few files, which tools/weaken_orders.py builds again and again.
add_library(coppice_interleaved_kernels STATIC
  ${engine} ${interleaved_base} ${interleaved_message} ${interleaved_mailbox} ${interleaved_scheduler})
target_compile_definitions(coppice_interleaved_kernels
  PUBLIC "COPPICE_INTERLEAVE=\"interleave/engine/sync.hpp\"" PRIVATE COPPICE_POOL_PASSES_THROUGH=1)
target_include_directories(coppice_interleaved_kernels BEFORE PUBLIC
  "${interleave}/stand_in" "${CMAKE_CURRENT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}/src")
target_link_libraries(coppice_interleaved_kernels PUBLIC fmt::fmt Threads::Threads)
target_compile_features(coppice_interleaved_kernels PUBLIC cxx_std_20)

# Where every line is counted and none is optimised, the orders of the core take more than ten minutes.
set(layers kernels core)
if(COPPICE_COVERAGE)
  list(REMOVE_ITEM layers core)
endif()

add_library(coppice_interleaved_core STATIC EXCLUDE_FROM_ALL
  ${interleaved_actor} ${interleaved_system} ${interleaved_supervisors} ${interleaved_brokers})
target_link_libraries(coppice_interleaved_core PUBLIC coppice_interleaved_kernels)

foreach(layer IN LISTS layers)
  file(GLOB sources CONFIGURE_DEPENDS "${interleave}/${layer}/*.cpp")
  add_executable(test_interleave_${layer} ${sources} "${interleave}/this_thread.cpp")
  target_link_libraries(test_interleave_${layer} PRIVATE coppice_interleaved_${layer} Catch2::Catch2WithMain)
  catch_discover_tests(test_interleave_${layer}
    TEST_PREFIX "interleave/"
    EXTRA_ARGS --warn NoTests
    # Freed memory is overwritten, so that who still uses it is noticed.
    PROPERTIES LABELS interleave TIMEOUT 300 ENVIRONMENT MALLOC_PERTURB_=165)
endforeach()

# The script that weakens each memory order still finds the places that it says nobody can notice.
add_test(NAME "interleave/each order that nobody can notice stands where it is said"
  COMMAND Python3::Interpreter "${PROJECT_SOURCE_DIR}/tools/weaken_orders.py" --check)
set_tests_properties("interleave/each order that nobody can notice stands where it is said" PROPERTIES LABELS interleave)
