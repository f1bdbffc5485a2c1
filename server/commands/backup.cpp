#include "storage/backup.h"

#include <iostream>

#include "server/commands/commands.h"

namespace blockwatch {

int run_backup(const BackupConfig& config) {
  const auto db_path = resolve_db_path(config.db_path);
  if (!db_path) return report_error(db_path.error());
  const auto made = back_up(*db_path, config.file);
  if (!made) return report_error(made.error());
  std::cout << config.file << ": " << made->rows << " events, " << made->bytes
            << " bytes, checked\n";
  if (made->audit_trail) std::cout << config.file << ".audit: the trail of the audit policy\n";
  return kExitSuccess;
}

}  // namespace blockwatch
