target_link_libraries(${example} PRIVATE ZLIB::ZLIB)
