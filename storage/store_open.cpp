// Opening a store: a new one, one that is there, or one in the place of a damaged one.

#include <filesystem>

#include "storage/event_store.h"
#include "storage/file_path.h"
#include "storage/schema.h"
#include "storage/set_aside.h"
#include "storage/settings_internal.h"
#include "storage/store_file.h"
#include "storage/store_internal.h"

namespace blockwatch {
namespace {

namespace fs = std::filesystem;

// In the lock file, once there was a whole store; before that nothing, or a plan (set_aside.h).
constexpr std::string_view kStoreNote = "store";

// SQLite takes a file without a byte for a new one, and its log for a left-over.
bool was_emptied(const std::string& path, std::string_view note) {
  std::error_code error;
  if (fs::file_size(to_path(path), error) != 0 || error) return false;
  const auto log_bytes = fs::file_size(to_path(path + "-wal"), error);
  return note == kStoreNote || (!error && log_bytes > 0);
}

}  // namespace

Result<std::unique_ptr<Store>> Store::open_file(const StoreOptions& options) {
  try {
    if (options.create) {
      if (auto made = create_private_file(options.path); !made) {
        return tl::unexpected<Error>(made.error());
      }
    }
    auto impl = std::make_unique<Impl>(options);
    if (auto migrated = migrate(impl->connection()); !migrated) {
      return make_error(migrated.error().code, options.path + ": " + migrated.error().message);
    }
    return std::unique_ptr<Store>(new Store(std::move(impl)));
  } catch (const SQLite::Exception& e) {
    return tl::unexpected<Error>(to_error(e, "open the store " + options.path));
  }
}

Result<std::unique_ptr<Store>> Store::begin_anew(const StoreOptions& options,
                                                 const std::string& plan) {
  auto old = blockwatch::set_aside(options.path, plan);
  if (!old) return tl::unexpected<Error>(old.error());
  StoreOptions fresh = options;
  fresh.create = true;
  auto store = open_file(fresh);
  if (!store) return store;
  Impl& impl = *(*store)->impl_;
  try {
    impl.begin_after(old->last_seq);
    const EventBatch fact = fact_of(*old);
    impl.append(std::span(&fact, 1));
    write_settings(impl.connection(), old->settings);
    impl.checkpoint();  // on the disk, before the plan is forgotten
  } catch (const SQLite::Exception& e) {
    return tl::unexpected<Error>(to_error(e, "begin the store " + options.path));
  }
  impl.set_aside = old->path;
  return store;
}

Result<std::unique_ptr<Store>> Store::open(const StoreOptions& options) {
  auto path = to_path(options.path);
  std::error_code error;
  auto folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  if (options.path.empty() || !fs::is_directory(folder, error)) {
    return make_error(ErrorCode::kIo,
                      "cannot open the store " + options.path + ": its folder does not exist");
  }
  if (!options.create && !fs::exists(path, error)) {
    return make_error(ErrorCode::kNotFound, "the store " + options.path + " does not exist");
  }
  // Only what was a store is one that is damaged: another file has a name that was a mistake.
  const bool was_store = fs::exists(to_path(options.path + ".lock"), error);
  auto lock = StoreLock::acquire(options.path + ".lock");
  if (!lock) return tl::unexpected<Error>(lock.error());
  std::string plan = lock->note();
  Result<std::unique_ptr<Store>> store;
  if (!is_plan(plan)) {
    std::string damage = options.damage;
    if (was_emptied(options.path, plan)) damage = "the file is empty";
    store = damage.empty() ? open_file(options)
                           : make_error(ErrorCode::kCorrupt, options.path + ": " + damage);
    plan.clear();
    if (!store && store.error().code == ErrorCode::kCorrupt && options.set_aside_damaged &&
        was_store) {
      plan = plan_to_set_aside(options.path, store.error().message);
      if (auto noted = lock->set_note(plan); !noted) return tl::unexpected<Error>(noted.error());
    }
  }
  if (!plan.empty()) store = begin_anew(options, plan);
  if (store && lock->note() != kStoreNote) {
    auto noted = lock->set_note(std::string(kStoreNote));
    if (!noted && !plan.empty()) return tl::unexpected<Error>(noted.error());
  }
  if (store) {
    (*store)->impl_->keep(std::move(*lock));
  } else if (!was_store) {
    lock = make_error(store.error().code, {});  // lets go of it
    fs::remove(to_path(options.path + ".lock"), error);
  }
  return store;
}

}  // namespace blockwatch
