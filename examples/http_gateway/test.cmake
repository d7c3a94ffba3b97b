add_test(NAME example/${example} COMMAND Python3::Interpreter "${folder}/check.py" $<TARGET_FILE:${example}>)
set_tests_properties(example/${example} PROPERTIES LABELS example TIMEOUT 180 SKIP_RETURN_CODE 77)
