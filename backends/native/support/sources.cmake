# Freestanding C to bitcode, once for every architecture, embedded by Bitcode.cpp.
set(SUPPORT_DIR ${CMAKE_CURRENT_SOURCE_DIR}/support)
set(SUPPORT_C)
foreach(file All Array Math Sample Select Transform)
  list(APPEND SUPPORT_C ${SUPPORT_DIR}/${file}.c)
endforeach()
set(SUPPORT_FLAGS -std=c11 -O2 -ffreestanding -nostdlibinc -fno-math-errno -ffp-contract=off -fPIC
                  -fno-stack-protector -fno-asynchronous-unwind-tables -Wall -Wextra -Werror)
foreach(arch x86_64 aarch64 riscv64)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/support-${arch}.bc)
  set(arch_flags --target=${arch}-unknown-linux-gnu)
  if(arch STREQUAL "riscv64")
    list(APPEND arch_flags -march=rv64gc -mabi=lp64d)
  endif()
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_C_COMPILER} ${arch_flags} ${SUPPORT_FLAGS} -c -emit-llvm ${SUPPORT_DIR}/All.c
            -o ${output}
    DEPENDS ${SUPPORT_C} ${SUPPORT_DIR}/Support.h
    COMMENT "Compiling support functions for ${arch}")
  list(APPEND SUPPORT_BITCODE ${output})
endforeach()
set_source_files_properties(support/Bitcode.cpp PROPERTIES
  OBJECT_DEPENDS "${SUPPORT_BITCODE}"
  COMPILE_DEFINITIONS "EDGECC_SUPPORT_X86_64=\"${CMAKE_CURRENT_BINARY_DIR}/support-x86_64.bc\";EDGECC_SUPPORT_AARCH64=\"${CMAKE_CURRENT_BINARY_DIR}/support-aarch64.bc\";EDGECC_SUPPORT_RISCV64=\"${CMAKE_CURRENT_BINARY_DIR}/support-riscv64.bc\"")
list(APPEND NATIVE_SOURCES support/Bitcode.cpp support/Support.cpp)
