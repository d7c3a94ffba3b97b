# The program: conformance FILE… It links what ships and the testing kit, and no test framework.
set(sources recordings.cpp replay.cpp real_player.cpp main.cpp)
list(TRANSFORM sources PREPEND "${CMAKE_CURRENT_LIST_DIR}/")
add_executable(conformance ${sources})
target_include_directories(conformance PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}")
target_link_libraries(conformance PRIVATE coppice::testing coppice::coppice nlohmann_json::nlohmann_json)

# What it prints and answers, on the recordings and on files that are none.
add_test(NAME "conformance/program plays the recordings and refuses what is none"
  COMMAND Python3::Interpreter "${CMAKE_CURRENT_LIST_DIR}/check_program.py" $<TARGET_FILE:conformance>
    "${CMAKE_CURRENT_LIST_DIR}/otp27_supervisor.jsonl.gz")
set_tests_properties("conformance/program plays the recordings and refuses what is none"
  PROPERTIES LABELS conformance TIMEOUT 120)

# The script that flips each clause of the rules still finds them all.
add_test(NAME "conformance/each clause that can be flipped stands in the rules"
  COMMAND Python3::Interpreter "${PROJECT_SOURCE_DIR}/tools/flip_clauses.py" --check)
set_tests_properties("conformance/each clause that can be flipped stands in the rules" PROPERTIES LABELS conformance)
