set(checks "${folder}/checks")
add_test(NAME example/${example} COMMAND Python3::Interpreter "${checks}/check.py" $<TARGET_FILE:${example}>)
set_tests_properties(example/${example} PROPERTIES LABELS example TIMEOUT 120 SKIP_RETURN_CODE 77)

set(memory "")
if(COPPICE_SANITIZE)
  set(memory --no-memory)
endif()
add_test(NAME example/${example}_hostile COMMAND Python3::Interpreter
  "${checks}/check_hostile.py" $<TARGET_FILE:${example}> ${memory})
set_tests_properties(example/${example}_hostile PROPERTIES LABELS example TIMEOUT 240)

if(COPPICE_HAS_TLS)
  add_test(NAME example/${example}_tls COMMAND Python3::Interpreter "${checks}/check_tls.py" $<TARGET_FILE:${example}>
    ${memory})
  set_tests_properties(example/${example}_tls PROPERTIES LABELS example TIMEOUT 120 SKIP_RETURN_CODE 77)
endif()

if(TARGET examples_power_cut)
  add_test(NAME example/${example}_durability COMMAND Python3::Interpreter
    "${checks}/check_durability.py" $<TARGET_FILE:${example}> $<TARGET_FILE:examples_power_cut>)
  set_tests_properties(example/${example}_durability PROPERTIES LABELS example TIMEOUT 240)
endif()
