# cmake -D OBJECT=FILE -D OUT=FILE -P: writes drop_watch_object.h's definitions.
file(READ ${OBJECT} bytes HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
file(WRITE ${OUT} "#include \"monitor/linux/drop_watch_object.h\"
namespace blockwatch {
alignas(8) const std::uint8_t kDropWatchObject[] = {${bytes}};
const std::size_t kDropWatchObjectSize = sizeof kDropWatchObject;
}  // namespace blockwatch
")
