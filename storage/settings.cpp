#include <string_view>

#include "storage/settings_internal.h"

namespace blockwatch {
namespace {

constexpr std::string_view kRetentionDays = "retention_days";
constexpr std::string_view kMaxDbSize = "max_db_size";
constexpr std::string_view kRecord = "record";

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

}  // namespace blockwatch
