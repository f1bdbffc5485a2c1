# The portable ZIP for Windows users: target `zip`.
install(TARGETS blockwatchd RUNTIME DESTINATION .)
install(FILES server/windows/README.txt DESTINATION .)
install(FILES LICENSE DESTINATION . RENAME LICENSE.txt)
foreach(licence IN LISTS BLOCKWATCH_LICENCES)  # "name=file"
  string(REPLACE "=" ";" licence ${licence})
  list(GET licence 0 name)
  list(GET licence 1 file)
  install(FILES ${file} DESTINATION licences RENAME ${name}.txt)
endforeach()

set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)
set(CPACK_GENERATOR ZIP)
set(CPACK_PACKAGE_FILE_NAME blockwatch-${PROJECT_VERSION}-windows-x64)
set(CPACK_VERBATIM_VARIABLES ON)
include(CPack)
add_custom_target(zip COMMAND ${CMAKE_CPACK_COMMAND} DEPENDS blockwatchd VERBATIM)
