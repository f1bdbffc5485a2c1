#include "server/settings.h"

#include <string>
#include <utility>

namespace blockwatch {
namespace {

constexpr std::string_view kRetentionDays = "retention_days";
constexpr std::string_view kMaxDbSize = "max_db_size";
constexpr std::string_view kRecord = "record";

ActionSet record_of(const StoredSettings& given, const StoredSettings& stored) {
  return {given.record.value_or(stored.record.value_or(kBlocksAndDrops.bits))};
}

}  // namespace

Settings::Settings(const StoredSettings& given, const StoredSettings& stored)
    : given_(given), at_start_(stored), stored_(stored) {}

SettingsView Settings::view_of(const StoredSettings& stored) const {
  const RetentionOptions defaults;
  SettingsView view{
      .retention = {given_.retention_days.value_or(stored.retention_days.value_or(defaults.days)),
                    given_.max_db_size.value_or(stored.max_db_size.value_or(defaults.max_bytes))},
      .record = record_of(given_, stored),
      .overridden = {},
      .restart_needed = {}};
  if (given_.retention_days) view.overridden.push_back(kRetentionDays);
  if (given_.max_db_size) view.overridden.push_back(kMaxDbSize);
  if (given_.record) view.overridden.push_back(kRecord);
  if (view.record.bits != record_of(given_, at_start_).bits) view.restart_needed.push_back(kRecord);
  return view;
}

SettingsView Settings::view() const {
  const std::lock_guard lock(mutex_);
  return view_of(stored_);
}

StoredSettings Settings::stored() const {
  const std::lock_guard lock(mutex_);
  return stored_;
}

void Settings::adopt(const StoredSettings& stored) {
  const std::lock_guard lock(mutex_);
  stored_ = stored;
}

Result<SettingsView> Settings::change(const SettingsPatch& patch) {
  // The writer's thread, which saves, may ask for what is in force meanwhile.
  const std::lock_guard once(change_mutex_);
  StoredSettings wanted = stored();
  std::string overridden;
  const auto take = [&](std::string_view name, const auto& wish, const auto& given, auto& value) {
    if (!wish) return;
    if (given) overridden += (overridden.empty() ? "" : ", ") + std::string(name);
    value = *wish;
  };
  take(kRetentionDays, patch.retention_days, given_.retention_days, wanted.retention_days);
  take(kMaxDbSize, patch.max_db_size, given_.max_db_size, wanted.max_db_size);
  take(kRecord, patch.record, given_.record, wanted.record);
  if (!overridden.empty()) {
    return make_error(ErrorCode::kConflict,
                      "The command line or the configuration file has set " + overridden + ".");
  }
  SettingsView view = view_of(wanted);
  if (auto saved = save_(wanted, view.retention); !saved) {
    return tl::unexpected<Error>(saved.error());
  }
  adopt(wanted);
  return view;
}

}  // namespace blockwatch
