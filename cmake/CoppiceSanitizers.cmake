# Sanitizers for everything that is built here. Code under a sanitizer must be compiled and linked as a whole, hence
# folder-wide options and not target properties.
if(COPPICE_SANITIZE STREQUAL "address")
  set(sanitize -fsanitize=address,undefined -fno-sanitize-recover=all)
  add_compile_definitions(_GLIBCXX_ASSERTIONS)
elseif(COPPICE_SANITIZE STREQUAL "thread")
  set(sanitize -fsanitize=thread)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # One report for every fence in Asio and moodycamel; tools/tsan.supp says what follows from them.
    add_compile_options(-Wno-tsan)
  endif()
elseif(COPPICE_SANITIZE)
  message(FATAL_ERROR "COPPICE_SANITIZE is \"${COPPICE_SANITIZE}\"; it may be empty, address or thread.")
endif()
if(COPPICE_SANITIZE)
  add_compile_options(${sanitize} -fno-omit-frame-pointer)
  add_link_options(${sanitize})
endif()
