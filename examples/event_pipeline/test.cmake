add_test(NAME example/${example} COMMAND Python3::Interpreter "${folder}/check.py" $<TARGET_FILE:${example}>
  "${CMAKE_CURRENT_SOURCE_DIR}/data/app.log")
set_tests_properties(example/${example} PROPERTIES LABELS example TIMEOUT 300)
