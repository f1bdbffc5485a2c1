#include "tests/fuzz/fuzz_text_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  blockwatch::winlog::fuzz_text(blockwatch::winlog::read_rendered_xml, data, size);
  return 0;
}
