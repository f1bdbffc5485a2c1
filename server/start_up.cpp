#include "server/start_up.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <utility>

#include "server/privileges.h"
#include "storage/file_path.h"

namespace blockwatch {
namespace {

constexpr int kBacklog = 512;

Result<std::vector<Listener>> open_listeners(const ServeConfig& config) {
  std::vector<Listener> listeners;
  for (const ListenAddress& address : config.listen) {
    auto listener = Listener::open(address, kBacklog);
    if (!listener) return tl::unexpected(listener.error());
    listeners.push_back(std::move(*listener));
  }
  return listeners;
}

NeededRights rights_for(const ServeConfig& config) {
  const auto has = [&](std::string_view kind) {
    return std::ranges::any_of(config.sources,
                               [&](const std::string& spec) { return spec.starts_with(kind); });
  };
  return {.user = config.user,
          .firewall_log = has("nflog:") || has("auto"),
          .read_others = config.user.empty() && (has("evtx:") || has("dir:"))};
}

// An extra, which takes rights that are not kept.
std::shared_ptr<DropWatch> watch_drops() {
  auto watch = open_drop_watch();
  if (!watch) {
    spdlog::debug("senders of dropped packets are found by their sockets: {}",
                  watch.error().message);
    return nullptr;
  }
  spdlog::info("the kernel tells who sent a packet that is dropped");
  return std::move(*watch);
}

// From elsewhere nobody comes in without one.
Result<void> check_tokens(const ServeConfig& config, const TokenStore& tokens) {
  const auto open = std::ranges::find_if_not(config.listen, &ListenAddress::is_local);
  if (open == config.listen.end()) return {};
  const auto known = tokens.list();
  if (!known) return tl::unexpected(known.error());
  if (!known->empty()) return {};
  return make_error(ErrorCode::kInvalidArgument,
                    open->url() +
                        " is open to other computers, and there is no token to let them "
                        "in: make one first with 'blockwatchd token create'");
}

// As open_store(); also looks whether what every answer begins with can be read.
Result<std::unique_ptr<Store>> open_whole_store(const ServeConfig& config,
                                                const std::string& db_path) {
  auto store = open_store(config, db_path);
  if (!store) return store;
  Result<StoreStatus> status;
  if (auto reader = StoreReader::open(db_path)) {
    status = (*reader)->status();
  } else {
    status = tl::unexpected(reader.error());
  }
  if (status || status.error().code != ErrorCode::kCorrupt) return store;
  *store = nullptr;
  return open_store(config, db_path, status.error().message);
}

}  // namespace

bool may_pass(ErrorCode code) {
  return code == ErrorCode::kUnavailable || code == ErrorCode::kPermission ||
         code == ErrorCode::kIo;
}

Result<std::unique_ptr<Store>> open_store(const ServeConfig& config, const std::string& db_path,
                                          const std::string& damage) {
  auto store = Store::open(
      {.path = db_path, .set_aside_damaged = config.set_aside_damaged, .damage = damage});
  if (store && !(*store)->set_aside().empty()) {
    spdlog::error(
        "the store was damaged: it is kept as {}, and a new one takes what the logs still hold",
        (*store)->set_aside());
  } else if (!store && store.error().code == ErrorCode::kCorrupt) {
    store.error().message +=
        "; rename it to begin a new one, or start with --on-corrupt=new, which does that";
  }
  return store;
}

Result<StartUp> start_up(ServeConfig config) {
  auto groups = find_groups(config.allow_groups);
  if (!groups) return tl::unexpected(groups.error());
  config.allow_groups = std::move(*groups);
  auto listeners = open_listeners(config);
  if (!listeners) return tl::unexpected(listeners.error());
  const auto own_identity = read_own_identity(config);
  if (!own_identity) return tl::unexpected(own_identity.error());
  const NeededRights rights = rights_for(config);
  auto drops = rights.firewall_log ? watch_drops() : nullptr;
  if (auto dropped = drop_rights(rights); !dropped) {
    return tl::unexpected(dropped.error());
  }
  auto db_path = resolve_db_path(config.db_path);
  if (!db_path) return tl::unexpected(db_path.error());
  auto tokens = TokenStore::open(to_path(resolve_token_path(config.token_path, *db_path)));
  if (!tokens) return tl::unexpected(tokens.error());
  if (auto guarded = check_tokens(config, **tokens); !guarded) {
    return tl::unexpected(guarded.error());
  }
  auto tls = set_up_tls(config, *own_identity, *db_path);
  if (!tls) return tl::unexpected(tls.error());
  auto store = open_whole_store(config, *db_path);
  StoredSettings settings;
  if (store) {
    const auto stored = (*store)->settings();
    if (!stored) return tl::unexpected(stored.error());
    settings = *stored;
  } else {
    std::error_code error;
    const bool is_there = std::filesystem::file_size(to_path(*db_path), error) > 0 && !error;
    if (!is_there || !may_pass(store.error().code)) return tl::unexpected(store.error());
    spdlog::error("{}; it is tried again", store.error().message);
    store = std::unique_ptr<Store>();
  }
  auto audit = AuditKeeper::open(config.audit_policy_path, *db_path);
  if (!audit) return tl::unexpected(audit.error());
  return StartUp{.config = std::move(config),
                 .db_path = std::move(*db_path),
                 .listeners = std::move(*listeners),
                 .tls = std::move(*tls),
                 .store = std::move(*store),
                 .settings = settings,
                 .tokens = std::move(*tokens),
                 .audit = std::move(*audit),
                 .drops = std::move(drops)};
}

}  // namespace blockwatch
