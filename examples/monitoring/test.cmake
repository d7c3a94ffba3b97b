add_test(NAME example/${example} COMMAND Python3::Interpreter "${folder}/check.py" $<TARGET_FILE:${example}>)
add_test(NAME example/${example}_arguments COMMAND Python3::Interpreter
  "${CMAKE_CURRENT_SOURCE_DIR}/support/check_arguments.py" $<TARGET_FILE:${example}>)
set_tests_properties(example/${example} example/${example}_arguments PROPERTIES LABELS example TIMEOUT 60)
