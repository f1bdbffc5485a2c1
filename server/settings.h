#pragma once
// What may be set while the program runs, and which of three says it: the command line, the store,
// or the default.

#include <functional>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "storage/event_writer.h"
#include "storage/settings.h"
#include "storage/words.h"

namespace blockwatch {

struct SettingsView {
  RetentionOptions retention;
  ActionSet record;
  std::vector<std::string_view> overridden;      // by the command line or --config
  std::vector<std::string_view> restart_needed;  // set, and in force from the next start on
};

// The members of a merge patch (RFC 7396) that are there; nothing in one: back to the default.
struct SettingsPatch {
  std::optional<std::optional<std::uint32_t>> retention_days;
  std::optional<std::optional<std::uint64_t>> max_db_size;
  std::optional<std::optional<std::uint8_t>> record;
};

// Any thread.
class Settings {
 public:
  // Keeps them and puts the retention into force.
  using Save = std::function<Result<void>(const StoredSettings&, RetentionOptions)>;

  Settings(const StoredSettings& given, const StoredSettings& stored);

  // Before the first change.
  void set_save(Save save) { save_ = std::move(save); }

  SettingsView view() const;
  StoredSettings stored() const;

  // What the store has that was opened late.
  void adopt(const StoredSettings& stored);

  // kConflict: the command line has set one of them; else as `save` says.
  Result<SettingsView> change(const SettingsPatch& patch);

 private:
  SettingsView view_of(const StoredSettings& stored) const;

  const StoredSettings given_;
  const StoredSettings at_start_;
  Save save_;
  std::mutex change_mutex_;  // one change at a time
  mutable std::mutex mutex_;
  StoredSettings stored_;  // guarded by mutex_
};

}  // namespace blockwatch
