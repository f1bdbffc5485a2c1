# The Debian package: target `deb`. And what `cmake --install` puts into place.
include(GNUInstallDirs)
install(TARGETS blockwatchd RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES server/linux/blockwatch.service DESTINATION lib/systemd/system)
install(FILES server/linux/blockwatchd.json DESTINATION /etc/blockwatch)
install(FILES server/linux/blockwatchd.bash DESTINATION share/bash-completion/completions RENAME blockwatchd)
install(FILES LICENSE DESTINATION share/doc/blockwatch RENAME copyright)
set(manual_page ${PROJECT_SOURCE_DIR}/server/linux/blockwatchd.8)
add_custom_command(OUTPUT blockwatchd.8.gz DEPENDS ${manual_page} VERBATIM
                   COMMAND gzip -9nc ${manual_page} > blockwatchd.8.gz)
add_custom_target(manual_page ALL DEPENDS blockwatchd.8.gz)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/blockwatchd.8.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)

set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_NAME blockwatch)
set(CPACK_PACKAGE_CONTACT "The Blockwatch developers <blockwatch@localhost>")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS nftables)
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION  # the summary is the project's
"A local server that keeps what the firewall blocked in a SQLite store and
answers over HTTP: by direction, port, application, address and time, and live.
It reads NFLOG on Linux and Windows event logs from anywhere.")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    ${PROJECT_SOURCE_DIR}/server/linux/postinst ${PROJECT_SOURCE_DIR}/server/linux/prerm
    ${PROJECT_SOURCE_DIR}/server/linux/postrm ${CMAKE_CURRENT_BINARY_DIR}/conffiles)
file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/conffiles "/etc/blockwatch/blockwatchd.json\n")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_VERBATIM_VARIABLES ON)
include(CPack)
add_custom_target(deb COMMAND ${CMAKE_CPACK_COMMAND} DEPENDS blockwatchd manual_page VERBATIM)
