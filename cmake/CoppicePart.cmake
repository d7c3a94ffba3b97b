# coppice_part(<name> FOLDERS <folder>... [DEPENDS <part>...])
#
# Makes the library coppice_<name>, alias coppice::<name>, of all .cpp files in the folders (paths from the top of the
# tree), with the headers of include/coppice/<name>/. Private headers are included from the first folder or from src/.
# Everyone who links it gets the parts it depends on. A part without sources is an INTERFACE library;
# coppice_<name>_scope tells the caller which keyword fits (PUBLIC or INTERFACE).
function(coppice_part name)
  cmake_parse_arguments(part "" "" "FOLDERS;DEPENDS" ${ARGN})
  set(target coppice_${name})

  set(sources "")
  foreach(folder IN LISTS part_FOLDERS)
    file(GLOB found CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${folder}/*.cpp")
    list(APPEND sources ${found})
  endforeach()
  if(sources)
    set(scope PUBLIC)
    add_library(${target} STATIC ${sources})
    list(GET part_FOLDERS 0 home)
    target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}/${home}" "${PROJECT_SOURCE_DIR}/src")
    # Header-only and only for our own .cpp files: their include folders, not a link, so that no installed target
    # names them.
    foreach(private IN ITEMS asio::asio concurrentqueue::concurrentqueue nlohmann_json::nlohmann_json)
      target_include_directories(${target} SYSTEM PRIVATE
        $<TARGET_PROPERTY:${private},INTERFACE_INCLUDE_DIRECTORIES>)
      target_compile_definitions(${target} PRIVATE $<TARGET_PROPERTY:${private},INTERFACE_COMPILE_DEFINITIONS>)
    endforeach()
  else()
    set(scope INTERFACE)
    add_library(${target} INTERFACE)
  endif()
  set(${target}_scope ${scope} PARENT_SCOPE)

  add_library(coppice::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  target_compile_features(${target} ${scope} cxx_std_20)
  foreach(lower IN LISTS part_DEPENDS)
    target_link_libraries(${target} ${scope} coppice_${lower})
  endforeach()

  file(GLOB headers CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}/include/coppice"
    "${PROJECT_SOURCE_DIR}/include/coppice/${name}/*.hpp")
  coppice_headers(${target} ${headers})
endfunction()

# coppice_headers(<target> <path below include/coppice>...): public headers, installed with the target and compiled
# alone by the target all_verify_interface_header_sets. Those that do not exist (yet) are skipped.
function(coppice_headers target)
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "INTERFACE_LIBRARY")
    set(scope INTERFACE)
  else()
    set(scope PUBLIC)
  endif()
  set(files "")
  foreach(header IN LISTS ARGN)
    if(EXISTS "${PROJECT_SOURCE_DIR}/include/coppice/${header}")
      list(APPEND files "${PROJECT_SOURCE_DIR}/include/coppice/${header}")
    endif()
  endforeach()
  target_sources(${target} ${scope}
    FILE_SET HEADERS BASE_DIRS "${PROJECT_SOURCE_DIR}/include" FILES ${files})
  set_target_properties(${target} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ${PROJECT_IS_TOP_LEVEL})
  set_property(GLOBAL APPEND PROPERTY coppice_targets ${target})
endfunction()
