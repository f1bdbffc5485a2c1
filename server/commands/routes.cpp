#include <iostream>

#include "server/api_routes.h"
#include "server/commands/commands.h"

namespace blockwatch {
namespace {

// Stands where the program would be: the table of routes is read, no handler is called.
class NoImports final : public ImportJobs {
 public:
  Result<std::string> start(const ImportUpload&) override {
    return make_error(ErrorCode::kUnavailable, "no imports here");
  }
  std::optional<ImportJob> find(std::string_view) const override { return std::nullopt; }
};

}  // namespace

int run_routes() {
  ReaderPool readers("");
  CommitSignal commits;
  NoImports imports;
  EventStreams streams(readers, commits);
  AuditKeeper audit(nullptr, nullptr, "");
  BackupJobs backups("", "");
  Settings settings({}, {});
  ApiContext context{.readers = readers,
                     .commits = commits,
                     .imports = imports,
                     .streams = streams,
                     .audit = audit,
                     .backups = backups,
                     .settings = settings};
  context.files = embedded_files();
  for (const Route& route : make_routes(context)) {
    std::cout << route.method << ' ' << route.pattern << ' ' << route.operation_id << '\n';
  }
  return kExitSuccess;
}

}  // namespace blockwatch
