#pragma once
// Linux' netlink as bytes: messages and the attributes in them, read and written without the
// system's headers. Pure; every length is checked.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace blockwatch::netlink {

using Bytes = std::span<const std::uint8_t>;

// Types of messages and attributes that are netlink's own.
inline constexpr std::uint16_t kError = 2;
inline constexpr std::uint16_t kDone = 3;
inline constexpr std::uint16_t kRequest = 0x1;  // flags
inline constexpr std::uint16_t kPart = 0x2;     // of a listing
inline constexpr std::uint16_t kAcknowledge = 0x4;
inline constexpr std::uint16_t kInterrupted = 0x10;  // a listing that changed meanwhile
inline constexpr std::uint16_t kDump = 0x300;

struct Message {
  std::uint16_t type = 0;
  std::uint16_t flags = 0;
  std::uint32_t sequence = 0;
  Bytes payload;
};

struct Attribute {
  std::uint16_t type = 0;  // without the bits that tell how it is laid out
  Bytes payload;
};

// Takes the messages of a datagram, or the attributes of a payload, one after the other.
class Reader {
 public:
  explicit Reader(Bytes bytes) : rest_(bytes) {}

  // nullopt at the end, and where what follows contradicts itself: then is_damaged().
  std::optional<Message> message();
  std::optional<Attribute> attribute();
  bool is_damaged() const { return damaged_; }

 private:
  std::optional<Bytes> take(std::size_t length, std::size_t header);

  Bytes rest_;
  bool damaged_ = false;
};

// Numbers inside netfilter's messages are in network order; nullopt when there are too few bytes.
std::optional<std::uint16_t> be16(Bytes bytes);
std::optional<std::uint32_t> be32(Bytes bytes);
std::optional<std::uint64_t> be64(Bytes bytes);
// In the order of the machine, as in netlink's own headers.
std::optional<std::uint32_t> host32(Bytes bytes);
// Up to the first NUL.
std::string_view text(Bytes bytes);

// Puts one message together. Numbers go in as network order has them.
class Writer {
 public:
  Writer(std::uint16_t type, std::uint16_t flags, std::uint32_t sequence = 0);

  // The header of netfilter's messages. `id` is the group, where there is one.
  Writer& netfilter(std::uint8_t family, std::uint16_t id);
  Writer& bytes(std::uint16_t attribute, std::string_view value);
  Writer& u8(std::uint16_t attribute, std::uint8_t value);
  Writer& be16(std::uint16_t attribute, std::uint16_t value);
  Writer& be32(std::uint16_t attribute, std::uint32_t value);
  Writer& be64(std::uint16_t attribute, std::uint64_t value);
  // Attributes until end() are inside this one.
  Writer& begin(std::uint16_t attribute);
  Writer& end();
  // Whatever stands behind the header.
  Writer& raw(std::string_view value);

  std::string finish();  // requires that every begin() has its end()

 private:
  Writer& number(std::uint16_t attribute, std::uint64_t value, int size);

  std::string out_;
  std::vector<std::size_t> open_;  // where the attributes begin that are not ended
};

}  // namespace blockwatch::netlink
