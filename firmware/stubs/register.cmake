# Reads the CMakeLists.txt of a component the way ESP-IDF does when it collects what components require: in CMake's script
# mode, where commands that need a project are errors, with idf_component_register as the end of the file.
#
# cmake -D DIR=<component> -P register.cmake
cmake_policy(SET CMP0057 NEW)

macro(idf_component_register)
    cmake_parse_arguments(_ "" "KCONFIG;KCONFIG_PROJBUILD" "SRCS;SRC_DIRS;EXCLUDE_SRCS;INCLUDE_DIRS;PRIV_INCLUDE_DIRS;\
LDFRAGMENTS;REQUIRES;PRIV_REQUIRES;REQUIRED_IDF_TARGETS;EMBED_FILES;EMBED_TXTFILES" "${ARGN}")
    set(registered 1)
    return()
endmacro()

# In a function, as there: what the file sets must not reach what follows.
function(read)
    set(COMPONENT_DIR "${DIR}")
    set(CMAKE_CURRENT_LIST_DIR "${DIR}")
    include("${DIR}/CMakeLists.txt")
    if(__UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "${DIR}: idf_component_register does not take ${__UNPARSED_ARGUMENTS}")
    endif()
    if(NOT registered)
        message(FATAL_ERROR "${DIR}: idf_component_register is not called")
    endif()
    foreach(dir ${__SRC_DIRS} ${__INCLUDE_DIRS} ${__PRIV_INCLUDE_DIRS})
        get_filename_component(dir "${dir}" ABSOLUTE BASE_DIR "${DIR}")
        if(NOT IS_DIRECTORY "${dir}")
            message(FATAL_ERROR "${DIR}: there is no directory ${dir}")
        endif()
    endforeach()
    foreach(file ${__SRCS} ${__EMBED_FILES} ${__EMBED_TXTFILES})
        get_filename_component(file "${file}" ABSOLUTE BASE_DIR "${DIR}")
        if(NOT EXISTS "${file}")
            message(FATAL_ERROR "${DIR}: there is no file ${file}")
        endif()
    endforeach()
endfunction()

read()
