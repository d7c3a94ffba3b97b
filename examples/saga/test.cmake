add_test(NAME example/${example} COMMAND Python3::Interpreter "${folder}/check.py" $<TARGET_FILE:${example}>
  "${CMAKE_CURRENT_SOURCE_DIR}/data/orders.csv")
set_tests_properties(example/${example} PROPERTIES LABELS example TIMEOUT 300)
if(TARGET coppice_journals)
  set(power_cut "")
  if(TARGET examples_power_cut)
    set(power_cut --power-cut $<TARGET_FILE:examples_power_cut>)
  endif()
  add_test(NAME example/${example}_durable COMMAND Python3::Interpreter "${folder}/check_durable.py"
    $<TARGET_FILE:${example}> ${power_cut})
  set_tests_properties(example/${example}_durable PROPERTIES LABELS example TIMEOUT 600)
endif()
