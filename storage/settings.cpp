#include <algorithm>
#include <string_view>

#include "storage/settings_internal.h"

namespace blockwatch {
namespace {

constexpr std::string_view kRetentionDays = "retention_days";
constexpr std::string_view kMaxDbSize = "max_db_size";
constexpr std::string_view kRecord = "record";
// Of RetentionTime.
constexpr std::string_view kTime = "retention_time";
constexpr std::string_view kClaim = "retention_claim";
constexpr std::string_view kClaimed = "retention_claimed_ticks";

template <class Number>
std::optional<Number> read(SqlConnection& connection, std::string_view name) {
  auto row = connection.use("SELECT value FROM setting WHERE name = ?");
  row->bind_text(1, name);
  if (!row->step()) return std::nullopt;
  return static_cast<Number>(row->integer(0));
}

template <class Number>
void write(SqlConnection& connection, std::string_view name, const std::optional<Number>& value) {
  auto change = connection.use(value ? "INSERT OR REPLACE INTO setting(name, value) VALUES(?, ?)"
                                     : "DELETE FROM setting WHERE name = ?");
  change->bind_text(1, name);
  if (value) change->bind(2, static_cast<std::int64_t>(*value));
  change->run();
}

}  // namespace

StoredSettings read_settings(SqlConnection& connection) {
  return {read<std::uint32_t>(connection, kRetentionDays),
          read<std::uint64_t>(connection, kMaxDbSize), read<std::uint8_t>(connection, kRecord)};
}

void write_settings(SqlConnection& connection, const StoredSettings& settings) {
  SqlTransaction transaction(connection, SqlTransaction::Kind::kWrite);
  write(connection, kRetentionDays, settings.retention_days);
  write(connection, kMaxDbSize, settings.max_db_size);
  write(connection, kRecord, settings.record);
  transaction.commit();
}

std::optional<RetentionTime> read_retention_time(SqlConnection& connection) {
  const Timestamp time{read<std::int64_t>(connection, kTime).value_or(-1)};
  if (!is_plausible(time)) return std::nullopt;
  const Timestamp claim{read<std::int64_t>(connection, kClaim).value_or(-1)};
  if (!is_plausible(claim)) return RetentionTime{time, {}, 0};
  const auto claimed = read<std::int64_t>(connection, kClaimed).value_or(0);
  return RetentionTime{time, claim, std::clamp(claimed, std::int64_t{0}, kMaxTimestamp.ticks)};
}

void write_retention_time(SqlConnection& connection, const RetentionTime& time) {
  SqlTransaction transaction(connection, SqlTransaction::Kind::kWrite);
  write(connection, kTime, std::optional(time.time.ticks));
  write(connection, kClaim, time.claim ? std::optional(time.claim->ticks) : std::nullopt);
  write(connection, kClaimed, std::optional(time.claimed_ticks));
  transaction.commit();
}

}  // namespace blockwatch
