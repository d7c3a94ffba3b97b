set(compare Python3::Interpreter "${CMAKE_CURRENT_SOURCE_DIR}/support/compare_output.py")
add_test(NAME example/${example} COMMAND ${compare} "${folder}/expected.txt" $<TARGET_FILE:${example}>)
add_test(NAME example/${example}_narrate
  COMMAND ${compare} "${folder}/expected_narrate.txt" $<TARGET_FILE:${example}> --narrate)
add_test(NAME example/${example}_report
  COMMAND ${compare} --stderr "${folder}/expected_report.txt" $<TARGET_FILE:${example}>)
add_test(NAME example/${example}_arguments COMMAND Python3::Interpreter
  "${CMAKE_CURRENT_SOURCE_DIR}/support/check_arguments.py" $<TARGET_FILE:${example}>)
set_tests_properties(example/${example} example/${example}_narrate example/${example}_report example/${example}_arguments
  PROPERTIES LABELS example TIMEOUT 60)
