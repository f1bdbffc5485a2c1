#pragma once
// Tells whether an event is in the store already, and finds its key. Rows that could be the same
// event share its tick, so no index of identities is needed: only the tick's rows are looked at.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "storage/dictionary_internal.h"
#include "storage/interner_internal.h"
#include "storage/row_internal.h"
#include "storage/sqlite_internal.h"

namespace blockwatch {

class TickIndex {
 public:
  TickIndex(SqlConnection& connection, const Interner& interner);

  struct Place {
    std::int64_t key = 0;
    std::int64_t borrowed = 0;  // ticks the key is later than the event
  };
  // nullopt: the event is stored already, or was placed before.
  std::optional<Place> place(const Event& event, std::uint32_t identity_class);

  std::int64_t max_borrow() const { return max_borrow_; }

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
    std::int64_t next_key = 0;
    bool insert(const Identity& id);
    std::size_t size() const { return few.size() + many.size(); }
  };

  Identity identity_of(const Event& event, std::uint32_t identity_class);
  Tick& load(std::int64_t ticks);
  std::int64_t free_key(std::int64_t from);

  SqlConnection& connection_;
  const Interner& interner_;
  Dictionary dictionary_;
  std::array<std::uint64_t, 4> seeds_{};
  std::string content_;  // scratch
  std::unordered_map<std::int64_t, Tick> ticks_;
  std::size_t known_ = 0;  // identities in ticks_
  Tick newest_;
  std::int64_t newest_tick_ = -1;  // the one newest_ describes
  std::int64_t newest_key_ = -1;   // no row has a higher key
  std::int64_t max_borrow_ = 0;
};

}  // namespace blockwatch
