target_link_libraries(${example} PRIVATE ZLIB::ZLIB)
if(COPPICE_HAS_TLS)
  target_link_libraries(${example} PRIVATE coppice::tls)
endif()
