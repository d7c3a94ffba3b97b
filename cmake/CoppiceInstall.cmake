# What `cmake --install` puts where, the CMake package and the pkg-config file. Both may be moved with their prefix.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/coppice")
get_property(targets GLOBAL PROPERTY coppice_targets)
list(REMOVE_DUPLICATES targets)
list(REMOVE_ITEM targets coppice_tls coppice_journals)
set_target_properties(coppice_asio PROPERTIES EXPORT_NAME asio)

install(TARGETS ${targets} EXPORT coppiceTargets
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(EXPORT coppiceTargets NAMESPACE coppice:: DESTINATION "${package_dir}")

configure_package_config_file(cmake/coppiceConfig.cmake.in "${PROJECT_BINARY_DIR}/coppiceConfig.cmake"
  INSTALL_DESTINATION "${package_dir}" NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/coppiceConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/coppiceConfig.cmake"
  "${PROJECT_BINARY_DIR}/coppiceConfigVersion.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/CoppiceDependencies.cmake"
  DESTINATION "${package_dir}")

# Static libraries: users before used, which is the parts from the top down.
set(pc_libs "")
foreach(part IN ITEMS io patterns monitors brokers supervisors system actor scheduler mailbox message base)
  get_target_property(type coppice_${part} TYPE)
  if(type STREQUAL "STATIC_LIBRARY")
    string(APPEND pc_libs " -lcoppice_${part}")
  endif()
endforeach()
file(RELATIVE_PATH pc_prefix "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
string(REGEX REPLACE "/$" "" pc_prefix "${pc_prefix}")
configure_file(cmake/coppice.pc.in "${PROJECT_BINARY_DIR}/coppice.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/coppice.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

# What needs more is apart, so that a machine without it can use the rest: a component of the package each, and a
# pkg-config file. coppice_install_component(<name> <what pkg-config calls its needs> <description> [<flag>...])
function(coppice_install_component component pc_requires pc_description)
  if(NOT TARGET coppice_${component})
    return()
  endif()
  install(TARGETS coppice_${component} EXPORT coppice_${component}Targets
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
    FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
  install(EXPORT coppice_${component}Targets NAMESPACE coppice:: DESTINATION "${package_dir}")
  set(pc_cflags "")
  foreach(flag IN LISTS ARGN)
    string(APPEND pc_cflags " ${flag}")
  endforeach()
  configure_file(cmake/coppice_component.pc.in "${PROJECT_BINARY_DIR}/coppice-${component}.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/coppice-${component}.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
endfunction()
coppice_install_component(tls "openssl" "TLS for coppice's listeners" -DCOPPICE_HAS_TLS=1)
coppice_install_component(journals "sqlite3" "Journals of coppice's sagas, in SQLite")
