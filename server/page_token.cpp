#include "server/page_token.h"

#include <cstddef>
#include <type_traits>

#include "server/params.h"

namespace blockwatch {
namespace {

constexpr std::uint8_t kVersion = 2;
constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::uint64_t fnv1a(std::string_view bytes, std::uint64_t hash = 0xCBF29CE484222325U) {
  for (char c : bytes) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001B3U;
  }
  return hash;
}

// splitmix64's finaliser: sums of its results do not cancel out.
std::uint64_t mix(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15U;
  x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27U)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31U);
}

void put(std::string& out, std::uint64_t value, unsigned bytes) {
  for (unsigned i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xFFU);
}

std::uint64_t get(std::string_view& in, unsigned bytes) {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < bytes; ++i) {
    value |= static_cast<std::uint64_t>(static_cast<unsigned char>(in[i])) << (8 * i);
  }
  in.remove_prefix(bytes);
  return value;
}

std::string to_base64url(std::string_view bytes) {
  std::string out;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (char c : bytes) {
    bits = bits << 8U | static_cast<unsigned char>(c);
    for (count += 8; count >= 6; count -= 6) out += kAlphabet[bits >> (count - 6) & 63U];
  }
  if (count != 0) out += kAlphabet[bits << (6 - count) & 63U];
  return out;
}

std::optional<std::string> from_base64url(std::string_view text) {
  std::string out;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (char c : text) {
    std::size_t digit = kAlphabet.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = bits << 6U | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>(bits >> count & 0xFFU);
    }
  }
  // Left-over bits must be the zeros of the padding, so that each token has one spelling.
  if (count >= 6 || (bits & ((1U << count) - 1U)) != 0) return std::nullopt;
  return out;
}

constexpr std::size_t kFixedBytes = 2 + 4 * 8;  // version, flags, four numbers
constexpr std::size_t kChecksumBytes = 4;

std::uint64_t hash_of(const std::string& v) { return fnv1a(v); }
std::uint64_t hash_of(const NumberRange& v) { return mix(mix(v.low) + v.high); }
std::uint64_t hash_of(const ApplicationPattern& v) { return fnv1a(v.text) + v.whole_path; }
std::uint64_t hash_of(const IpRange& v) {
  std::uint64_t hash = fnv1a({});
  for (const auto& address : {v.low, v.high}) {
    for (std::uint8_t byte : address.bytes) hash = (hash ^ byte) * 0x100000001B3U;
  }
  return hash;
}
template <class Enum>
requires std::is_enum_v<Enum> std::uint64_t hash_of(Enum v) {
  return static_cast<std::uint64_t>(v) + 1;
}

bool is_bound(const std::optional<Timestamp>& t) {
  return !t || (*t >= kMinTimestamp && *t <= kMaxTimestamp);
}

// Adds up what each value says, so that their order does not matter.
struct Fingerprint {
  std::uint64_t sum = 0;
  std::uint64_t place = 0;  // of the parameter; `any` and `none` differ

  void add(std::uint64_t value_hash) { sum += mix(mix(place) + value_hash); }
  template <class T>
  void choice(const Choice<T>& c) {
    ++place;
    for (const T& v : c.any) add(hash_of(v));
    ++place;
    for (const T& v : c.none) add(hash_of(v));
  }
  void moment(const std::optional<Timestamp>& t, const std::optional<std::int64_t>& back) {
    ++place;
    if (t && !back) add(mix(static_cast<std::uint64_t>(t->ticks)));
    ++place;
    if (back) add(mix(static_cast<std::uint64_t>(*back)));
  }
};

}  // namespace

std::string encode_page_token(const PageToken& token) {
  std::string bytes;
  put(bytes, kVersion, 1);
  put(bytes, (token.since ? 1U : 0U) | (token.until ? 2U : 0U), 1);
  put(bytes, token.fingerprint, 8);
  put(bytes, token.cursor.snapshot_seq, 8);
  put(bytes, static_cast<std::uint64_t>(token.cursor.last_time.ticks), 8);
  put(bytes, token.cursor.last_seq, 8);
  if (token.since) put(bytes, static_cast<std::uint64_t>(token.since->ticks), 8);
  if (token.until) put(bytes, static_cast<std::uint64_t>(token.until->ticks), 8);
  put(bytes, mix(fnv1a(bytes)), kChecksumBytes);
  return to_base64url(bytes);
}

Result<PageToken> decode_page_token(std::string_view text) {
  auto damaged = [] {
    return make_error(ErrorCode::kInvalidArgument, "the unchanged text of `next` of a page");
  };
  if (text.size() > 100) return damaged();
  auto bytes = from_base64url(text);
  if (!bytes || bytes->size() < kFixedBytes + kChecksumBytes) return damaged();
  std::string_view body = std::string_view(*bytes).substr(0, bytes->size() - kChecksumBytes);
  std::string_view sum = std::string_view(*bytes).substr(body.size());
  if (get(sum, kChecksumBytes) != (mix(fnv1a(body)) & 0xFFFFFFFFU)) return damaged();
  if (get(body, 1) != kVersion) return damaged();
  auto flags = get(body, 1);
  std::size_t moments = (flags & 1U) + (flags >> 1U & 1U);
  if (flags > 3 || body.size() != kFixedBytes - 2 + moments * 8) return damaged();

  PageToken token;
  token.fingerprint = get(body, 8);
  token.cursor.snapshot_seq = get(body, 8);
  token.cursor.last_time = Timestamp{static_cast<std::int64_t>(get(body, 8))};
  token.cursor.last_seq = get(body, 8);
  if ((flags & 1U) != 0) token.since = Timestamp{static_cast<std::int64_t>(get(body, 8))};
  if ((flags & 2U) != 0) token.until = Timestamp{static_cast<std::int64_t>(get(body, 8))};
  bool possible = token.cursor.snapshot_seq <= kMaxSeq && token.cursor.last_seq <= kMaxSeq &&
                  is_plausible(token.cursor.last_time) && is_bound(token.since) &&
                  is_bound(token.until);
  if (!possible) return damaged();
  return token;
}

std::uint64_t fingerprint(const Filter& f, const AskedBounds& bounds, Order order) {
  Fingerprint print;
  print.choice(f.direction);
  print.choice(f.action);
  print.choice(f.scope);
  print.choice(f.reason);
  print.choice(f.protocol);
  print.choice(f.event_id);
  print.choice(f.port);
  print.choice(f.local_port);
  print.choice(f.remote_port);
  print.choice(f.address);
  print.choice(f.local_address);
  print.choice(f.remote_address);
  print.choice(f.application);
  print.choice(f.application_name);
  print.choice(f.process_id);
  print.choice(f.user);
  print.choice(f.filter_id);
  print.choice(f.filter_name);
  print.choice(f.filter_origin);
  print.choice(f.layer);
  print.choice(f.interface_index);
  print.choice(f.host);
  print.choice(f.source);
  print.choice(f.record_id);
  print.moment(f.since, bounds.since_back);
  print.moment(f.until, bounds.until_back);
  ++print.place;
  if (!f.q.empty()) print.add(fnv1a(f.q));
  ++print.place;
  print.add(hash_of(order));
  return mix(print.sum);
}

}  // namespace blockwatch
