# The libraries of a Windows program that is built on Debian, with the target names that find_package gives elsewhere:
# compiled here from Debian's source packages, header-only ones from Debian's packages.
enable_language(C)
find_package(Threads REQUIRED)

set(sources ${PROJECT_BINARY_DIR}/sources)
message(STATUS "Libraries' sources: ${sources} (fetched when missing)")
execute_process(COMMAND ${CMAKE_CURRENT_LIST_DIR}/fetch-sources ${sources} COMMAND_ERROR_IS_FATAL ANY)

# /usr/include as a whole would bring the headers of Linux along.
set(headers ${PROJECT_BINARY_DIR}/headers)
file(MAKE_DIRECTORY ${headers})
foreach(folder CLI nlohmann tl)
  file(CREATE_LINK /usr/include/${folder} ${headers}/${folder} SYMBOLIC)
endforeach()
foreach(target CLI11::CLI11 nlohmann_json::nlohmann_json tl::expected)
  add_library(${target} INTERFACE IMPORTED)
  target_include_directories(${target} INTERFACE ${headers})
endforeach()

# windows_library(TARGET FOLDER INCLUDE folder SOURCES file... [DEFINE word...]): paths within the package's FOLDER. What
# a library is compiled with its users see too.
function(windows_library target folder)
  cmake_parse_arguments(arg "" "INCLUDE" "SOURCES;DEFINE" ${ARGN})
  string(REPLACE "::" "_" name windows_${target})
  list(TRANSFORM arg_SOURCES PREPEND ${sources}/${folder}/)
  add_library(${name} STATIC ${arg_SOURCES})
  target_include_directories(${name} SYSTEM PUBLIC ${sources}/${folder}/${arg_INCLUDE})
  target_compile_definitions(${name} PUBLIC ${arg_DEFINE})
  target_compile_options(${name} PRIVATE -w)
  set_target_properties(${name} PROPERTIES UNITY_BUILD OFF)
  add_library(${target} ALIAS ${name})
endfunction()

windows_library(httplib::httplib cpp-httplib INCLUDE split SOURCES split/httplib.cc)
target_link_libraries(windows_httplib_httplib PUBLIC ws2_32 Threads::Threads)

windows_library(libdeflate::libdeflate libdeflate INCLUDE .
  SOURCES lib/crc32.c lib/deflate_compress.c lib/deflate_decompress.c lib/utils.c lib/x86/cpu_features.c)

windows_library(pugixml::pugixml pugixml INCLUDE src SOURCES src/pugixml.cpp)

windows_library(fmt::fmt fmtlib INCLUDE include SOURCES src/format.cc)
windows_library(spdlog::spdlog spdlog INCLUDE include
  SOURCES src/async.cpp src/color_sinks.cpp src/file_sinks.cpp src/spdlog.cpp src/stdout_sinks.cpp
  DEFINE SPDLOG_COMPILED_LIB SPDLOG_FMT_EXTERNAL)
target_link_libraries(windows_spdlog_spdlog PUBLIC fmt::fmt Threads::Threads)

# As Debian's, apart from what Blockwatch does not use: extensions, and full-text search.
windows_library(SQLite::SQLite3 sqlite3 INCLUDE amalgamation SOURCES amalgamation/sqlite3.c
  DEFINE SQLITE_THREADSAFE=1 SQLITE_ENABLE_COLUMN_METADATA SQLITE_OMIT_LOAD_EXTENSION)
windows_library(SQLiteCpp sqlitecpp INCLUDE include
  SOURCES src/Backup.cpp src/Column.cpp src/Database.cpp src/Exception.cpp src/Savepoint.cpp src/Statement.cpp
          src/Transaction.cpp)
target_link_libraries(windows_SQLiteCpp PUBLIC SQLite::SQLite3)

windows_library(ZLIB::ZLIB zlib INCLUDE .
  SOURCES adler32.c compress.c crc32.c deflate.c inffast.c inflate.c inftrees.c trees.c uncompr.c zutil.c)

# As archives, made by its own build.
set(openssl ${PROJECT_BINARY_DIR}/openssl)
file(MAKE_DIRECTORY ${openssl}/include)
add_custom_command(OUTPUT ${openssl}/libssl.a ${openssl}/libcrypto.a
  COMMAND ${CMAKE_COMMAND} -E env "CC=${CMAKE_C_COMPILER_LAUNCHER} ${CMAKE_C_COMPILER}" AR=${CMAKE_AR}
          RANLIB=${CMAKE_RANLIB} RC=${CMAKE_RC_COMPILER}
          ${CMAKE_CURRENT_LIST_DIR}/build-openssl ${sources}/openssl ${openssl}
  DEPENDS ${CMAKE_CURRENT_LIST_DIR}/build-openssl ${sources}/complete
  COMMENT "Building OpenSSL" VERBATIM)
add_custom_target(openssl_archives DEPENDS ${openssl}/libssl.a ${openssl}/libcrypto.a)
foreach(name Crypto SSL)
  string(TOLOWER ${name} archive)
  add_library(OpenSSL::${name} STATIC IMPORTED)
  set_target_properties(OpenSSL::${name} PROPERTIES IMPORTED_LOCATION ${openssl}/lib${archive}.a)
  target_include_directories(OpenSSL::${name} INTERFACE ${openssl}/include ${sources}/openssl/include)
  add_dependencies(OpenSSL::${name} openssl_archives)
endforeach()
target_link_libraries(OpenSSL::SSL INTERFACE OpenSSL::Crypto ws2_32)

# What must go along with a program that these are part of.
set(BLOCKWATCH_LICENCES "")
foreach(name cpp-httplib fmtlib libdeflate openssl pugixml spdlog sqlite3 sqlitecpp zlib)
  list(APPEND BLOCKWATCH_LICENCES ${name}=${sources}/${name}/debian/copyright)
endforeach()
foreach(name libcli11-dev libexpected-dev nlohmann-json3-dev gcc-mingw-w64-base mingw-w64-x86-64-dev)
  list(APPEND BLOCKWATCH_LICENCES ${name}=/usr/share/doc/${name}/copyright)
endforeach()

if(BLOCKWATCH_TESTS)
  set(BUILD_GMOCK ON)
  set(INSTALL_GTEST OFF)
  add_subdirectory(/usr/src/googletest ${PROJECT_BINARY_DIR}/googletest EXCLUDE_FROM_ALL SYSTEM)
endif()
