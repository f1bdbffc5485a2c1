#pragma once
// What a daemon needs before it has a thread: addresses, rights, files.

#include <memory>
#include <string>
#include <vector>

#include "monitor/netfilter/drop_watch.h"
#include "server/audit_keeper.h"
#include "server/config.h"
#include "server/listener.h"
#include "server/tls_setup.h"
#include "server/tokens.h"
#include "storage/event_store.h"

namespace blockwatch {

struct StartUp {
  ServeConfig config;  // with groups as ids
  std::string db_path;
  std::vector<Listener> listeners;
  TlsSetup tls;
  std::unique_ptr<Store> store;  // null: it cannot be written at the moment, and is tried again
  StoredSettings settings;       // of the store
  std::unique_ptr<TokenStore> tokens;
  std::unique_ptr<AuditKeeper> audit;
  std::shared_ptr<DropWatch> drops;  // null: the system does not tell
};

// Opens the addresses, gives away the rights that only that needed, then opens the files. Errors
// are those of Daemon::start().
Result<StartUp> start_up(ServeConfig config);

// Whether a store that fails so may be whole again later without anybody's doing.
bool may_pass(ErrorCode code);

// Opens or creates the store; a damaged one is set aside, if `config` says so. `damage`: what was
// found when it was open before; empty: nothing.
Result<std::unique_ptr<Store>> open_store(const ServeConfig& config, const std::string& db_path,
                                          const std::string& damage = {});

}  // namespace blockwatch
