# One step of the consumer tests, see tests.cmake: cmake -D STEP=... -P step.cmake
cmake_minimum_required(VERSION 3.25)
set(prefix "${WORK}/moved prefix")  # with a space, to be sure

string(REPLACE "," ";" parts "${PARTS}")

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# No build type: the cheapest code, and one more set of flags for the library to work under.
function(configure_build_run source build programs)
  file(REMOVE_RECURSE "${build}")
  run(${CMAKE_COMMAND} -S "${source}" -B "${build}" -G "${GENERATOR}" "-DCMAKE_CXX_COMPILER=${COMPILER}"
    "-DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}" "-DCMAKE_CXX_FLAGS=${FLAGS}" ${ARGN})
  run(${CMAKE_COMMAND} --build "${build}" --parallel 2)
  foreach(program IN LISTS programs)
    run("${build}/${program}")
  endforeach()
endfunction()

if(STEP STREQUAL "add_subdirectory")
  configure_build_run("${SOURCE}" "${WORK}/${STEP}" consumer "-DCOPPICE_SOURCE=${COPPICE_SOURCE}" "-DCOPPICE_PORTABLE=${PORTABLE}")
elseif(STEP STREQUAL "install")
  file(REMOVE_RECURSE "${WORK}/prefix" "${prefix}")
  run(${CMAKE_COMMAND} --install "${COPPICE_BUILD}" --prefix "${WORK}/prefix")
  file(RENAME "${WORK}/prefix" "${prefix}")
elseif(STEP STREQUAL "find_package")
  configure_build_run("${SOURCE}" "${WORK}/${STEP}" consumer "-DCMAKE_PREFIX_PATH=${prefix}")
  list(TRANSFORM parts PREPEND consumer_ OUTPUT_VARIABLE programs)
  configure_build_run("${SOURCE}/parts" "${WORK}/${STEP}_parts" "${programs}"
    "-DCMAKE_PREFIX_PATH=${prefix}" "-DPARTS=${PARTS}")
elseif(STEP STREQUAL "pkg_config")
  file(GLOB_RECURSE pc "${prefix}/*/coppice.pc")
  cmake_path(GET pc PARENT_PATH folder)
  function(compile_and_run package source)
    execute_process(COMMAND ${CMAKE_COMMAND} -E env "PKG_CONFIG_PATH=${folder}"
      pkg-config --cflags --libs ${package}
      OUTPUT_VARIABLE answer OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
    separate_arguments(answer UNIX_COMMAND "${answer}")
    separate_arguments(flags UNIX_COMMAND "${FLAGS}")
    run("${COMPILER}" -std=c++20 ${flags} "${SOURCE}/${source}.cpp" ${answer} -o "${WORK}/pkg_config_${package}")
    run("${WORK}/pkg_config_${package}")
  endfunction()
  compile_and_run(coppice main)
  foreach(part IN LISTS parts)
    compile_and_run(coppice-${part} parts/${part})
  endforeach()
else()
  message(FATAL_ERROR "unknown step \"${STEP}\"")
endif()
