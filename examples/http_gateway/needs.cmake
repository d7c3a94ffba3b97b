if(NOT TARGET coppice_llhttp)  # cmake/CoppiceLlhttp.cmake has said so
  set(left_out TRUE)
endif()
