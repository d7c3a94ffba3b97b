# A project outside ours uses coppice in each of the ways that the README offers. The two that need an installation
# share one, which is moved after it was made: nothing in it may remember where it was.
set(consumer_dir "${CMAKE_CURRENT_LIST_DIR}")
set(consumer_work "${CMAKE_CURRENT_BINARY_DIR}/consumer")

# What is there only where its needs are.
set(consumer_parts "")
foreach(part IN ITEMS tls journals)
  if(TARGET coppice_${part})
    list(APPEND consumer_parts ${part})
  endif()
endforeach()
list(JOIN consumer_parts "," consumer_parts)

function(coppice_consumer_test step)
  add_test(NAME "consumer/${step}"
    COMMAND ${CMAKE_COMMAND}
      -D "STEP=${step}"
      -D "SOURCE=${consumer_dir}"
      -D "COPPICE_SOURCE=${PROJECT_SOURCE_DIR}"
      -D "COPPICE_BUILD=${PROJECT_BINARY_DIR}"
      -D "WORK=${consumer_work}"
      -D "GENERATOR=${CMAKE_GENERATOR}"
      -D "COMPILER=${CMAKE_CXX_COMPILER}"
      -D "LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER}"
      -D "FLAGS=${CMAKE_CXX_FLAGS}"
      -D "PORTABLE=${COPPICE_PORTABLE}"
      -D "PARTS=${consumer_parts}"
      -P "${consumer_dir}/step.cmake")
  set_tests_properties("consumer/${step}" PROPERTIES LABELS consumer TIMEOUT 600)
endfunction()

coppice_consumer_test(add_subdirectory)
if(COPPICE_INSTALL)
  coppice_consumer_test(install)
  set_tests_properties("consumer/install" PROPERTIES FIXTURES_SETUP coppice_installed)
  coppice_consumer_test(find_package)
  set_tests_properties("consumer/find_package" PROPERTIES FIXTURES_REQUIRED coppice_installed)
  find_program(COPPICE_PKG_CONFIG pkg-config)
  mark_as_advanced(COPPICE_PKG_CONFIG)
  if(COPPICE_PKG_CONFIG)
    coppice_consumer_test(pkg_config)
    set_tests_properties("consumer/pkg_config" PROPERTIES FIXTURES_REQUIRED coppice_installed)
  endif()
endif()
