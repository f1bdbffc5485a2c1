#pragma once
// From the options to a certificate: the user's own, or one made here.

#include <memory>
#include <string>

#include "server/config.h"
#include "server/self_signed.h"
#include "server/tls.h"

namespace blockwatch {

struct TlsSetup {
  std::unique_ptr<const TlsContext> context;  // null: no address is for TLS
  std::string certificate_path;               // what clients can be given
};

// The texts of --tls-cert and --tls-key; empty ones without them. kInvalidArgument: a file is
// missing; errors as read_secret_file().
Result<TlsIdentity> read_own_identity(const ServeConfig& config);

// From what was read, or from what is kept beside the database. kInvalidArgument: what is there
// cannot be used.
Result<TlsSetup> set_up_tls(const ServeConfig& config, const TlsIdentity& own,
                            const std::string& db_path);

}  // namespace blockwatch
