#pragma once
// drop_watch.bpf.c as the build has compiled it: an ELF file for libbpf.

#include <cstddef>
#include <cstdint>

namespace blockwatch {

extern const std::uint8_t kDropWatchObject[];
extern const std::size_t kDropWatchObjectSize;

}  // namespace blockwatch
