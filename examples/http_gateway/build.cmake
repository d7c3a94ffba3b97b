target_link_libraries(${example} PRIVATE coppice_llhttp)
