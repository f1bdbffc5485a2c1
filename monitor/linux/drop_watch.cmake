# Exact senders of dropped packets, by a program in the kernel: if there is what it takes, else left out. Sets
# drop_watch_sources and drop_watch_libraries.
set(BLOCKWATCH_BPF AUTO CACHE STRING "Tell by eBPF who sent a dropped packet: ON, OFF, or AUTO (when libbpf and clang are there)")
set(drop_watch_sources drop_watch_absent.cpp)
set(drop_watch_libraries)
set(without "")
if(NOT BLOCKWATCH_BPF)
  set(without "BLOCKWATCH_BPF is off")
else()
  pkg_check_modules(libbpf QUIET IMPORTED_TARGET GLOBAL libbpf>=1.0)
  find_program(BLOCKWATCH_CLANG NAMES clang clang-19 clang-18 clang-17 clang-16 clang-15 clang-14)
  if(NOT libbpf_FOUND OR NOT BLOCKWATCH_CLANG)
    set(without "it takes libbpf 1.0 and clang")
  endif()
endif()
if(without)
  message(STATUS "Senders of dropped packets by eBPF: no, ${without}")
  if(BLOCKWATCH_BPF AND NOT BLOCKWATCH_BPF STREQUAL "AUTO")
    message(FATAL_ERROR "BLOCKWATCH_BPF is ${BLOCKWATCH_BPF}")
  endif()
else()
  message(STATUS "Senders of dropped packets by eBPF: yes, libbpf ${libbpf_VERSION}, ${BLOCKWATCH_CLANG}")
  set(linux ${PROJECT_SOURCE_DIR}/monitor/linux)
  set(object ${CMAKE_CURRENT_BINARY_DIR}/drop_watch.bpf.o)
  set(packed ${CMAKE_CURRENT_BINARY_DIR}/drop_watch_object.cpp)
  add_custom_command(OUTPUT ${object} VERBATIM
    DEPENDS ${linux}/drop_watch.bpf.c ${PROJECT_SOURCE_DIR}/monitor/netfilter/drop_record.h
    COMMAND ${BLOCKWATCH_CLANG} --target=bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror -I${PROJECT_SOURCE_DIR}
            $<$<BOOL:${CMAKE_LIBRARY_ARCHITECTURE}>:-idirafter/usr/include/${CMAKE_LIBRARY_ARCHITECTURE}>
            -ffile-prefix-map=${PROJECT_SOURCE_DIR}=. -fdebug-compilation-dir=. -c ${linux}/drop_watch.bpf.c -o ${object})
  add_custom_command(OUTPUT ${packed} DEPENDS ${object} ${linux}/embed_object.cmake VERBATIM
    COMMAND ${CMAKE_COMMAND} -D OBJECT=${object} -D OUT=${packed} -P ${linux}/embed_object.cmake)
  set(drop_watch_sources ../linux/drop_watch_linux.cpp ../linux/drop_watch_object.h ${packed})
  set(drop_watch_libraries PkgConfig::libbpf)
endif()
