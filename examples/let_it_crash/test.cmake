set(compare Python3::Interpreter "${CMAKE_CURRENT_SOURCE_DIR}/support/compare_output.py")
add_test(NAME example/${example} COMMAND ${compare} "${folder}/expected.txt" $<TARGET_FILE:${example}>)
add_test(NAME example/${example}_narrate
  COMMAND ${compare} "${folder}/expected_narrate.txt" $<TARGET_FILE:${example}> --narrate)
set_tests_properties(example/${example} example/${example}_narrate PROPERTIES LABELS example TIMEOUT 60)
