#include <array>
#include <utility>

#include "server/api_routes.h"
#include "server/gzip.h"
#include "server/handlers/answers.h"
#include "server/handlers/handlers.h"
#include "server/handlers/json.h"
#include "server/param_values.h"
#include "storage/words.h"

namespace blockwatch::handlers {
namespace {

// In the order of ImportState.
constexpr std::array<std::string_view, 4> kStates{"queued", "running", "done", "failed"};

Json to_json(const ImportReport& report) {
  const FileReport& file = report.file;
  Json damage = Json::array();
  for (const Damage& place : file.damage) {
    damage.push_back({{"offset", place.offset}, {"what", place.what}});
  }
  const double rate =
      report.seconds > 0 ? static_cast<double>(file.bytes) / 1e6 / report.seconds : 0;
  return {{"source", report.source},
          {"format", report.format.empty() ? Json(nullptr) : Json(report.format)},
          {"bytes", file.bytes},
          {"records", file.records},
          {"wanted", file.wanted},
          {"stored", report.stored},
          {"duplicate", report.duplicate},
          {"damaged", file.damaged},
          {"damage", std::move(damage)},
          {"seconds", report.seconds},
          {"mb_per_s", rate}};
}

http::Response job_answer(const ImportJob& job, int status) {
  return object_answer({{"id", job.id},
                        {"state", kStates[static_cast<std::size_t>(job.state)]},
                        {"received_bytes", job.sent_bytes},
                        {"total_bytes", job.sent_bytes},
                        {"report", job.report ? to_json(*job.report) : Json(nullptr)},
                        {"error", job.error.empty() ? Json(nullptr) : Json(job.error)}},
                       status);
}

}  // namespace

http::Response start_import(ApiContext& context, const http::Request& request) {
  auto query = read_query(Taker::kImport, request);
  if (!query) return std::move(query.error());
  if (!request.body) {
    return error_answer({ErrorCode::kInvalidArgument, "The body must be an event file."});
  }
  ImportUpload upload;
  upload.name = query->name.empty() ? "upload" : query->name;
  bool too_large = false;
  // The transport takes no body of another length.
  upload.sent_bytes =
      parse_number(header_or_empty(request, "Content-Length"), kMaxImportBytes).value_or(0);
  upload.body = request.body;
  if (equal_ignoring_case(header_or_empty(request, "Content-Encoding"), "gzip")) {
    upload.body = gunzip_reader(request.body, kMaxImportBytes, &too_large);
  }
  auto id = context.imports.start(upload);
  if (!id && too_large) {
    return problem_answer(
        {413, "content_too_large", "The body is over 4 GiB after decompression.", {}, {}});
  }
  if (!id) return error_answer(id.error());
  auto job = context.imports.find(*id);
  if (!job) return error_answer({ErrorCode::kInternal, "a new import is not known"});
  http::Response response = job_answer(*job, 202);
  response.set("Location", "/api/v1/imports/" + *id);
  return response;
}

http::Response get_import(ApiContext& context, const http::Request& request) {
  auto query = read_query(Taker::kNone, request);
  if (!query) return std::move(query.error());
  auto job = context.imports.find(request.path_values.at("id"));
  if (!job) {
    return error_answer(
        {ErrorCode::kNotFound, "There is no import with this id in this run of the program."});
  }
  return job_answer(*job, 200);
}

}  // namespace blockwatch::handlers
