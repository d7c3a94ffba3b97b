# The tools that judge figures, held to numbers worked out by hand and to programs that only pretend.
foreach(subject compare check_instructions)
  add_test(NAME tools/${subject}
    COMMAND $<TARGET_FILE:Python3::Interpreter> "${CMAKE_CURRENT_SOURCE_DIR}/tools/${subject}_test.py")
  set_tests_properties(tools/${subject} PROPERTIES LABELS tools TIMEOUT 60)
endforeach()
