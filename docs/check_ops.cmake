# Fails unless the committed table of ops is the one that the declarations give.
execute_process(COMMAND ${EDGECC} ops --markdown OUTPUT_FILE ${SCRATCH} COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} -E compare_files ${PAGE} ${SCRATCH} RESULT_VARIABLE differs)
if(differs)
  message(FATAL_ERROR "docs/ops.md is stale: run `edgecc ops --markdown > docs/ops.md`")
endif()
