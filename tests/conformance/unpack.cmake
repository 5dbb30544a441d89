# Unpacks ARCHIVE into FOLDER unless that has been done. An archive that is not there is no error
# here: the tests that need it say so.
if(EXISTS "${FOLDER}/unpacked" OR NOT EXISTS "${ARCHIVE}")
  return()
endif()
file(REMOVE_RECURSE "${FOLDER}")
file(ARCHIVE_EXTRACT INPUT "${ARCHIVE}" DESTINATION "${FOLDER}")
file(TOUCH "${FOLDER}/unpacked")
