// Rows per second into the store, bytes per row, and the time of one page, beside a bare SQLite
// program that puts the same rows into the same tables.
//
//   bench_store [--short] [ROWS]

#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "storage/event_store.h"

namespace blockwatch {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kBatchEvents = 10'000;
constexpr std::size_t kApplications = 300;
constexpr std::size_t kAddresses = 20'000;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "bench_store: %s\n", what.c_str());
  std::exit(1);
}

// Blocked traffic of one host: a few applications and addresses make most of it.
class Traffic {
 public:
  explicit Traffic(std::uint64_t rows)
      : step_(static_cast<std::uint64_t>(30LL * 24 * 3600 * Timestamp::kTicksPerSecond) / rows) {
    for (std::size_t i = 0; i < kApplications; ++i) {
      applications_.push_back("\\device\\harddiskvolume3\\program files\\vendor" +
                              std::to_string(i % 40) + "\\product\\bin\\app" + std::to_string(i) +
                              ".exe");
    }
    for (std::size_t i = 0; i < kAddresses; ++i) {
      if (i % 10 == 9) {
        IpAddress a = *parse_ip_address("2001:db8::");
        for (std::size_t k = 8; k < 16; ++k) a.bytes[k] = static_cast<std::uint8_t>(random_());
        addresses_.push_back(a);
      } else {
        addresses_.push_back(IpAddress::v4(static_cast<std::uint32_t>(random_())));
      }
    }
  }

  EventBatch batch(std::size_t n) {
    EventBatch batch;
    batch.source = "windows:Security";
    for (std::size_t i = 0; i < n; ++i) add(batch.list);
    return batch;
  }

  const std::string& application(std::size_t i) const { return applications_[i]; }
  const IpAddress& address(std::size_t i) const { return addresses_[i]; }
  Timestamp time() const { return time_; }

 private:
  std::size_t popular(std::size_t n) {
    double u = std::uniform_real_distribution<double>(0, 1)(random_);
    return std::min(n - 1, static_cast<std::size_t>(std::pow(static_cast<double>(n), u)) - 1);
  }

  void add(EventList& list) {
    constexpr std::uint16_t kPorts[] = {443, 443, 443, 53, 80, 445, 5353, 1900, 3389, 22};
    bool inbound = random_() % 4 == 0;
    bool packet = random_() % 3 == 0;
    std::size_t app = popular(kApplications);
    Event e;
    time_.ticks += static_cast<std::int64_t>(step_ / 2 + random_() % step_);
    e.time = time_;
    e.source = "windows:Security";
    e.host = "PC01.example.corp";
    e.channel = "Security";
    e.record_id = ++record_;
    e.event_id = packet ? 5152 : 5157;
    e.direction = inbound ? Direction::kInbound : Direction::kOutbound;
    e.protocol = random_() % 3 == 0 ? 17 : 6;
    e.local_address = IpAddress::v4(0xc0a80164U);
    e.remote_address = addresses_[popular(kAddresses)];
    auto service = random_() % 10 == 0 ? static_cast<std::uint16_t>(1 + random_() % 65535)
                                       : kPorts[random_() % 10];
    auto ephemeral = static_cast<std::uint16_t>(49152 + random_() % 16384);
    e.local_port = inbound ? service : ephemeral;
    e.remote_port = inbound ? ephemeral : service;
    e.process_id = 400 + app * 36;
    e.application = applications_[app];
    e.filter_id = 65000 + (random_() % 40) * 17;
    e.filter_origin = inbound ? "Unknown" : "Block outbound";
    e.layer_id = inbound ? 44 : 48;
    e.layer = inbound ? "receive-accept" : "connect";
    e.reason = inbound ? Reason::kDefaultInbound : Reason::kRule;
    auto text = [&](const std::string& s) { return list.text.copy(s); };
    auto raw = list.text.array<RawField>(13);
    std::string local = format_ip_address(*e.local_address);
    std::string remote = format_ip_address(*e.remote_address);
    raw[0] = {"ProcessID", text(std::to_string(*e.process_id))};
    raw[1] = {"Application", e.application};
    raw[2] = {"Direction", inbound ? "%%14592" : "%%14593"};
    raw[3] = {"SourceAddress", text(inbound ? remote : local)};
    raw[4] = {"SourcePort", text(std::to_string(inbound ? *e.remote_port : *e.local_port))};
    raw[5] = {"DestAddress", text(inbound ? local : remote)};
    raw[6] = {"DestPort", text(std::to_string(inbound ? *e.local_port : *e.remote_port))};
    raw[7] = {"Protocol", text(std::to_string(*e.protocol))};
    raw[8] = {"FilterRTID", text(std::to_string(*e.filter_id))};
    raw[9] = {"LayerName", inbound ? "%%14610" : "%%14611"};
    raw[10] = {"LayerRTID", text(std::to_string(*e.layer_id))};
    raw[11] = {"RemoteUserID", "S-1-0-0"};
    raw[12] = {"RemoteMachineID", "S-1-0-0"};
    e.raw = raw;
    list.events.push_back(e);
  }

  std::uint64_t step_;
  std::mt19937_64 random_{7};
  std::vector<std::string> applications_;
  std::vector<IpAddress> addresses_;
  Timestamp time_{17'000'000'000'000'000};
  std::uint64_t record_ = 0;
};

void sql(sqlite3* db, const std::string& text) {
  if (sqlite3_exec(db, text.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    fail(sqlite3_errmsg(db));
  }
}

// The floor: the finished rows of `from` read once into memory, then inserted by nothing but
// SQLite.
double bare_rows_per_second(const std::string& from, const std::string& to) {
  sqlite3* db = nullptr;
  if (sqlite3_open(to.c_str(), &db) != SQLITE_OK) fail("cannot open " + to);
  sql(db,
      "PRAGMA cache_size=-65536; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
      "PRAGMA wal_autocheckpoint=20000; ATTACH '" +
          from + "' AS source");
  std::vector<std::string> schema;
  sqlite3_stmt* row = nullptr;
  sqlite3_prepare_v2(db,
                     "SELECT sql FROM source.sqlite_master WHERE tbl_name = 'event' AND sql "
                     "IS NOT NULL ORDER BY type DESC",
                     -1, &row, nullptr);
  while (sqlite3_step(row) == SQLITE_ROW) {
    schema.emplace_back(reinterpret_cast<const char*>(sqlite3_column_text(row, 0)));
  }
  sqlite3_finalize(row);
  for (const auto& statement : schema) sql(db, statement);
  std::vector<std::vector<sqlite3_value*>> rows;
  sqlite3_prepare_v2(db, "SELECT * FROM source.event ORDER BY seq", -1, &row, nullptr);
  int columns = sqlite3_column_count(row);
  sqlite3_stmt* insert = nullptr;
  std::string text = "INSERT INTO main.event VALUES(?";
  for (int i = 1; i < columns; ++i) text += ",?";
  sqlite3_prepare_v2(db, (text + ")").c_str(), -1, &insert, nullptr);
  double spent = 0;
  std::uint64_t inserted = 0;
  for (bool more = true; more;) {
    while (rows.size() < kBatchEvents && (more = sqlite3_step(row) == SQLITE_ROW)) {
      rows.emplace_back();
      for (int i = 0; i < columns; ++i) {
        rows.back().push_back(sqlite3_value_dup(sqlite3_column_value(row, i)));
      }
    }
    auto start = Clock::now();
    sql(db, "SAVEPOINT s");
    for (auto& values : rows) {
      for (int i = 0; i < columns; ++i) {
        sqlite3_bind_value(insert, i + 1, values[static_cast<std::size_t>(i)]);
      }
      if (sqlite3_step(insert) != SQLITE_DONE) fail(sqlite3_errmsg(db));
      sqlite3_reset(insert);
    }
    sqlite3_reset(more ? insert : row);
    sql(db, "RELEASE s");
    spent += seconds_since(start);
    inserted += rows.size();
    for (auto& values : rows) {
      for (auto* value : values) sqlite3_value_free(value);
    }
    rows.clear();
  }
  sqlite3_finalize(insert);
  sqlite3_finalize(row);
  sqlite3_close(db);
  return static_cast<double>(inserted) / spent;
}

void time_pages(StoreReader& reader, const char* name, const Filter& filter, int runs) {
  PageQuery query;
  query.filter = filter;
  std::vector<double> ms;
  std::size_t rows = 0;
  for (int i = 0; i < runs; ++i) {
    auto start = Clock::now();
    auto page = reader.page(query);
    ms.push_back(seconds_since(start) * 1e3);
    if (!page) {
      std::printf("%-34s %s\n", name, page.error().message.c_str());
      return;
    }
    rows = page->list.events.size();
  }
  std::sort(ms.begin(), ms.end());
  std::printf("%-34s p50 %8.3f ms  p99 %8.3f ms  (%zu rows)\n", name, ms[ms.size() / 2],
              ms[ms.size() * 99 / 100], rows);
}

template <class Ask>
void time_once(const char* name, Ask ask) {
  auto start = Clock::now();
  ask();
  std::printf("%-34s     %8.3f ms\n", name, seconds_since(start) * 1e3);
}

void run(std::uint64_t rows, int runs) {
  auto folder = std::filesystem::temp_directory_path() /
                ("bench_store_" + std::to_string(std::random_device()()));
  std::filesystem::create_directory(folder);
  std::string path = (folder / "events.db").string();
  Traffic traffic(rows);
  {
    auto store = Store::open({path, true});
    if (!store) fail(store.error().message);
    double spent = 0;
    double cpu = 0;
    for (std::uint64_t done = 0; done < rows; done += kBatchEvents) {
      EventBatch batch = traffic.batch(kBatchEvents);
      auto start = Clock::now();
      auto cpu_start = std::clock();
      auto result = (*store)->append(batch);
      cpu += static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC;
      spent += seconds_since(start);
      if (!result || result->stored != kBatchEvents) fail("append failed");
    }
    auto n = static_cast<double>(rows);
    std::printf(
        "store            %10.0f rows/s, %.0f per second of CPU (batches of %zu, %.0f rows)\n",
        n / spent, n / cpu, kBatchEvents, n);
  }
  double bytes = static_cast<double>(std::filesystem::file_size(path));
  std::printf("size             %10.1f B/row, raw values included\n",
              bytes / static_cast<double>(rows));
  auto opened = StoreReader::open(path);
  if (!opened) fail(opened.error().message);
  StoreReader& reader = **opened;
  reader.set_deadline_ms(0);

  Filter f;
  time_pages(reader, "no filter", f, runs);
  auto with = [&](const char* name, auto set) {
    Filter filter;
    set(filter);
    time_pages(reader, name, filter, runs);
  };
  with("direction=inbound", [](Filter& x) { x.direction.any = {Direction::kInbound}; });
  with("reason=no-listener (none)", [](Filter& x) { x.reason.any = {Reason::kNoListener}; });
  with("event_id=5152", [](Filter& x) { x.event_id.any = {{5152, 5152}}; });
  with("application_name, frequent", [](Filter& x) { x.application_name.any = {"app0.exe"}; });
  with("application_name, rare", [](Filter& x) { x.application_name.any = {"app299.exe"}; });
  with("application=*vendor7*", [](Filter& x) { x.application.any = {{"*vendor7*", true}}; });
  with("remote_port=443", [](Filter& x) { x.remote_port.any = {{443, 443}}; });
  with("remote_port=443,8000-8100", [](Filter& x) {
    x.remote_port.any = {{443, 443}, {8000, 8100}};
  });
  with("port=3389", [](Filter& x) { x.port.any = {{3389, 3389}}; });
  with("remote_address, frequent", [&](Filter& x) {
    x.remote_address.any = {{traffic.address(0), traffic.address(0)}};
  });
  with("address, rare", [&](Filter& x) {
    x.address.any = {{traffic.address(kAddresses - 1), traffic.address(kAddresses - 1)}};
  });
  with("remote_address=11.0.0.0/8", [](Filter& x) {
    x.remote_address.any = {{IpAddress::v4(0x0b000000U), IpAddress::v4(0x0bffffffU)}};
  });
  with("process_id, rare", [](Filter& x) {
    x.process_id.any = {{400 + 299 * 36, 400 + 299 * 36}};
  });
  with("filter_id", [](Filter& x) { x.filter_id.any = {{65000, 65000}}; });
  with("port 22 + inbound + application", [](Filter& x) {
    x.local_port.any = {{22, 22}};
    x.direction.any = {Direction::kInbound};
    x.application_name.any = {"app200.exe"};
  });
  with("q=app299", [](Filter& x) { x.q = "app299"; });
  with("last day + 5157", [&](Filter& x) {
    x.since = Timestamp{traffic.time().ticks - 24LL * 3600 * Timestamp::kTicksPerSecond};
    x.event_id.any = {{5157, 5157}};
  });
  time_once("top applications, all", [&] {
    (void)reader.top({Filter{}, TopField::kApplication, 20});
  });
  time_once("top remote ports, all", [&] {
    (void)reader.top({Filter{}, TopField::kRemotePort, 20});
  });
  time_once("timeline by hour, all", [&] {
    (void)reader.timeline({Filter{}, 3600 * Timestamp::kTicksPerSecond, TimelineBy::kAction});
  });
  time_once("count, inbound", [&] {
    PageQuery query;
    query.filter.direction.any = {Direction::kInbound};
    query.count = true;
    (void)reader.page(query);
  });
  double bare = bare_rows_per_second(path, (folder / "bare.db").string());
  std::printf(
      "bare SQLite      %10.0f rows/s (the same rows and indexes, no dictionaries, no "
      "hourly counts)\n",
      bare);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace blockwatch

int main(int argc, char** argv) {
  std::uint64_t rows = 1'000'000;
  int runs = 200;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--short") {
      rows = 50'000;
      runs = 20;
    } else {
      rows = std::max<std::uint64_t>(10'000, std::strtoull(argv[i], nullptr, 10));
    }
  }
  blockwatch::run(rows / 10'000 * 10'000, runs);
  return 0;
}
