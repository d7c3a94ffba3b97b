# The program: overload POLICY threads|actors SECONDS, and how long CI lets it run. The variable scales it as it does the
# long loops of the tests: COPPICE_OVERLOAD_SECONDS=60 in the environment is the minute that is asked for on demand.
add_executable(overload "${CMAKE_CURRENT_LIST_DIR}/main.cpp")
target_link_libraries(overload PRIVATE coppice::coppice fmt::fmt)

foreach(policy IN ITEMS reject drop_newest drop_oldest block keep_latest)
  foreach(producers IN ITEMS threads actors)
    set(name "overload/ten times too many for ${policy} from ${producers} take no more memory than the bound")
    add_test(NAME "${name}" COMMAND Python3::Interpreter "${CMAKE_CURRENT_LIST_DIR}/check.py" $<TARGET_FILE:overload>
      ${policy} ${producers})
    set_tests_properties("${name}" PROPERTIES LABELS overload TIMEOUT 300 RUN_SERIAL TRUE)
  endforeach()
endforeach()

# That the measure finds what it looks for: an unbounded mailbox must not pass.
add_test(NAME "overload/an unbounded mailbox under the same load is found out"
  COMMAND Python3::Interpreter "${CMAKE_CURRENT_LIST_DIR}/check.py" $<TARGET_FILE:overload> unbounded threads --fails)
set_tests_properties("overload/an unbounded mailbox under the same load is found out" PROPERTIES
  LABELS overload TIMEOUT 300 RUN_SERIAL TRUE)
