#include <cstring>

#include "storage/row_internal.h"

namespace blockwatch {
namespace {

template <class T>
std::optional<T> optional_at(const SqlStatement& row, int column) {
  std::int64_t value = row.integer(column);
  if (value == 0 && row.is_null(column)) return std::nullopt;  // mostly one question, not two
  return static_cast<T>(value);
}

}  // namespace

std::optional<IpAddress> address_at(const SqlStatement& row, int column) {
  int type = row.type(column);
  if (type == SQLITE_INTEGER) return IpAddress::v4(static_cast<std::uint32_t>(row.integer(column)));
  if (type != SQLITE_BLOB) return std::nullopt;
  std::string_view bytes = row.bytes(column);
  IpAddress address;
  if (bytes.size() != address.bytes.size()) {
    throw SQLite::Exception("an address has not 16 bytes", SQLITE_CORRUPT);
  }
  std::memcpy(address.bytes.data(), bytes.data(), bytes.size());
  return address;
}

IndexRow index_row_at(const SqlStatement& row) {
  IndexRow out;
  out.seq = static_cast<std::uint64_t>(row.integer(0));
  out.time = row.integer(1);
  auto set = [&](IndexField field, int column) {
    if (auto value = optional_at<std::int64_t>(row, column)) out.set(field, *value);
  };
  set(IndexField::kShape, 2);
  set(IndexField::kRecordId, 3);
  set(IndexField::kApplication, 4);
  set(IndexField::kProcessId, 5);
  if (auto local = address_at(row, 6)) out.set_local(*local);
  set(IndexField::kLocalPort, 7);
  if (auto remote = address_at(row, 8)) out.set_remote(*remote);
  set(IndexField::kRemotePort, 9);
  set(IndexField::kFilterId, 10);
  return out;
}

void RowReader::add(const SqlStatement& row) { read(row, list_.events.emplace_back()); }

void RowReader::read(const SqlStatement& row, Event& event) {
  event = shape_event(row.integer(2));
  event.seq = static_cast<std::uint64_t>(row.integer(0));
  event.time.ticks = row.integer(1);
  event.received_time = received_.of(event.seq);
  event.record_id = optional_at<std::uint64_t>(row, 3);
  event.application = application(row.integer(4));
  event.process_id = optional_at<std::uint64_t>(row, 5);
  event.local_address = address_at(row, 6);
  event.local_port = optional_at<std::uint16_t>(row, 7);
  event.remote_address = address_at(row, 8);
  event.remote_port = optional_at<std::uint16_t>(row, 9);
  event.filter_id = optional_at<std::uint64_t>(row, 10);
  if (!raw_) return;
  std::uint32_t id = dictionary_.shape(row.integer(2)).raw_template;
  if (id == 0) return;
  auto text = [&](std::uint32_t text_id) { return dictionary_.raw_text(text_id); };
  auto raw =
      decode_raw(dictionary_.raw_template(id), event, row.bytes(kRawColumn), text, list_.text);
  if (!raw) throw SQLite::Exception(raw.error().message, SQLITE_CORRUPT);
  event.raw = *raw;
}

const Event& RowReader::shape_event(std::int64_t id) {
  auto [entry, added] = shapes_.try_emplace(id);
  if (added) {
    Event event = dictionary_.shape(id).event;
    for (auto* text : {&event.source, &event.host, &event.channel, &event.user, &event.filter_name,
                       &event.filter_origin, &event.layer}) {
      *text = list_.text.copy(*text);
    }
    entry->second = event;
  }
  return entry->second;
}

std::string_view RowReader::application(std::int64_t id) {
  if (id == 0) return {};
  auto [entry, added] = applications_.try_emplace(id);
  if (added) entry->second = list_.text.copy(dictionary_.application(id));
  return entry->second;
}

}  // namespace blockwatch
