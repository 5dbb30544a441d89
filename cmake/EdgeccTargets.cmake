# Common compile options and the helpers that every room's CMakeLists.txt uses.

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

# Assertions stay on: a broken invariant ends the compiler instead of making wrong code. The runtime,
# which users link, turns them off for itself.
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELEASE "${CMAKE_C_FLAGS_RELEASE}")
string(REPLACE "-DNDEBUG" "" CMAKE_CXX_FLAGS_RELEASE "${CMAKE_CXX_FLAGS_RELEASE}")

find_package(fmt REQUIRED)
find_package(tl-expected REQUIRED)
find_package(Threads REQUIRED)

add_library(edgecc_options INTERFACE)
target_include_directories(edgecc_options INTERFACE "$<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}>")
# -ffp-contract=off: the shared scalar definitions must round alike wherever they are compiled.
target_compile_options(edgecc_options INTERFACE -Wall -Wextra -Wno-missing-field-initializers
                                                # clang 19 finds one in libstdc++ 12's stable_sort
                                                -Wno-deprecated-declarations
                                                -ffp-contract=off)
if(EDGECC_WERROR)
  target_compile_options(edgecc_options INTERFACE -Werror)
endif()
if(EDGECC_SANITIZE OR EDGECC_FUZZ)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()
if(EDGECC_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
add_link_options(-fuse-ld=lld)

# edgecc_library(NAME sources... LIBS libraries...): a static library of one room.
function(edgecc_library name)
  cmake_parse_arguments(ARG "" "" "LIBS" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PUBLIC edgecc_options ${ARG_LIBS})
endfunction()

# edgecc_add_test(NAME sources... LIBS libraries...): a GoogleTest program registered with CTest.
function(edgecc_add_test name)
  cmake_parse_arguments(ARG "" "" "LIBS" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} edgecc_options GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE EDGECC_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
                                             EDGECC_SHARED_DIR="${EDGECC_SHARED_DIR}")
  add_test(NAME ${name} COMMAND ${name})
endfunction()
