#pragma once
// Tells whether an event is in the store already. Rows that could be the same event share its tick,
// so no index of identities is needed: only the tick's rows are looked at.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "storage/dictionary_internal.h"
#include "storage/interner_internal.h"
#include "storage/run_index_internal.h"
#include "storage/sqlite_internal.h"

namespace blockwatch {

class TickIndex {
 public:
  // `pending`: the rows that no run has. All must outlive this.
  TickIndex(SqlConnection& connection, const Interner& interner, RunIndex& runs,
            const std::vector<IndexRow>& pending);

  // False: the event is stored already, or was added before.
  bool add(const Event& event, std::uint32_t identity_class);
  // Every row added so far is in a run now.
  void indexed();
  // Rows of runs were deleted.
  void forget_runs();

 private:
  struct Identity {
    std::uint64_t a = 0;
    std::uint64_t b = 0;
    friend bool operator==(const Identity&, const Identity&) = default;
  };
  struct IdentityHash {
    std::size_t operator()(const Identity& id) const noexcept {
      return static_cast<std::size_t>((id.a ^ id.b * 0x9e3779b97f4a7c15U) * 0xff51afd7ed558ccdU);
    }
  };
  // A tick with few events is a list, a crowded one (logs with a resolution of one second) a set.
  struct Tick {
    std::vector<Identity> few;
    std::unordered_set<Identity, IdentityHash> many;
    bool insert(const Identity& id);
    std::size_t size() const { return few.size() + many.size(); }
  };

  Identity identity_of(const Event& event, std::uint32_t identity_class);
  Tick& load(std::int64_t ticks);
  // Of a stored row; none when it was deleted.
  std::optional<Identity> identity_at(std::uint64_t seq);

  SqlConnection& connection_;
  const Interner& interner_;
  RunIndex& runs_;
  Dictionary dictionary_;
  std::array<std::uint64_t, 4> seeds_{};
  std::string content_;  // scratch
  std::unordered_map<std::int64_t, Tick> ticks_;
  std::size_t known_ = 0;  // identities in ticks_
  // Rows that no run has: those that came in order of time, and the others.
  std::vector<std::pair<std::int64_t, Identity>> recent_;
  std::unordered_multimap<std::int64_t, Identity> late_;
  std::int64_t newest_ = -1;  // no row is later
};

}  // namespace blockwatch
