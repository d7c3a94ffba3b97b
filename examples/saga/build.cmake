# What is on disk needs SQLite; without it --journal says so.
if(TARGET coppice_journals)
  target_link_libraries(${example} PRIVATE coppice::journals SQLite::SQLite3)
  target_compile_definitions(${example} PRIVATE SAGA_WITH_SQLITE)
endif()
