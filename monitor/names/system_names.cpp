#include "monitor/names/system_names.h"

#include <utility>

#include "monitor/winlog/filter.h"
#include "monitor/winlog/note.h"
#include "storage/words.h"

namespace blockwatch {
namespace {

class SystemNames final : public NameResolver {
 public:
  explicit SystemNames(SystemParts parts)
      : paths_(std::move(parts.volumes)),
        filters_(std::move(parts.filters)),
        services_(std::move(parts.services)),
        started_(std::move(parts.started)),
        clock_(std::move(parts.clock)) {}

  void resolve(Event& event, TextArena& text) override {
    if (event.time < started_()) return;
    const auto now = clock_();
    if (event.process_id && application_name(event.application) == "svchost.exe") {
      const std::string services = services_.at(*event.process_id, event.time, now);
      if (!services.empty()) winlog::add_note(event, winlog::kServiceNote, services, text);
    }
    if (const auto path = paths_.with_drive(event.application, now)) {
      event.application = text.copy(*path);
    }
    if (event.layer_id && (event.layer.empty() || event.layer.starts_with("%%"))) {
      const std::string_view layer = filters_.layer(*event.layer_id, now);
      if (!layer.empty()) event.layer = text.copy(layer);
    }
    // 0 stands where no filter was recorded.
    if (event.filter_id.value_or(0) != 0 && event.filter_name.empty()) {
      const winlog::Filter* filter = filters_.filter(*event.filter_id, now);
      if (filter != nullptr) winlog::set_filter(event, *filter, text);
    }
  }

  void filter_changed(std::uint64_t filter_id) override { filters_.forget(filter_id); }
  std::string fault() const override { return filters_.fault(); }

 private:
  DevicePaths paths_;
  FilterNames filters_;
  ServiceNames services_;
  std::function<Timestamp()> started_;
  std::function<std::chrono::steady_clock::time_point()> clock_;
};

}  // namespace

std::unique_ptr<NameResolver> make_system_names(SystemParts parts) {
  return std::make_unique<SystemNames>(std::move(parts));
}

}  // namespace blockwatch
