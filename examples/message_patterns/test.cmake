add_test(NAME example/${example} COMMAND Python3::Interpreter "${CMAKE_CURRENT_SOURCE_DIR}/support/compare_output.py"
  "${folder}/expected.txt" $<TARGET_FILE:${example}>)
set_tests_properties(example/${example} PROPERTIES LABELS example TIMEOUT 60)
