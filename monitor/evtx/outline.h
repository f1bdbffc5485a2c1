#pragma once
// Where in an event's XML a text stands. Both readers of BinXML ask here, so that they agree.

#include <cstdint>

#include "monitor/evtx/binxml.h"

namespace blockwatch::evtx {

enum class Slot : std::uint8_t {
  kNone,
  kProvider,
  kEventId,
  kVersion,
  kTime,
  kRecordId,
  kChannel,
  kHost,
  kFieldName,   // text of the current field's name
  kFieldValue,  // text of the current field, elements inside it included
  kData,        // directly in <Event>, where <EventData> is substituted
};
inline constexpr std::size_t kSystemSlots = 8;  // kNone to kHost, for tables

// Follows the open elements of <Event><System>...</System><EventData>...</EventData></Event>.
// Every element in EventData is a field, named by its Name attribute if it is <Data>, else by the
// element.
class Outline {
 public:
  // For a fragment that is the content of <Event>.
  void enter_event() { depth_ = 1, in_event_ = true, slot_ = Slot::kData; }

  // True: a field begins.
  bool open(const Name& name) {
    ++depth_;
    slot_ = Slot::kNone;
    if (depth_ == 1) {
      in_event_ = name.is("Event");
    } else if (depth_ == 2) {
      section_ = !in_event_             ? Section::kOther
                 : name.is("System")    ? Section::kSystem
                 : name.is("EventData") ? Section::kData
                                        : Section::kOther;
    } else if (depth_ == 3 && section_ == Section::kSystem) {
      item_ = item_of(name);
    } else if (depth_ == 3 && section_ == Section::kData) {
      named_by_attribute_ = name.is("Data");
      return true;
    }
    return false;
  }
  bool named_by_attribute() const { return named_by_attribute_; }

  void attribute(const Name& name) {
    slot_ = Slot::kNone;
    if (depth_ != 3) return;
    if (section_ == Section::kData) {
      if (named_by_attribute_ && name.is("Name")) slot_ = Slot::kFieldName;
    } else if (section_ == Section::kSystem) {
      if (item_ == Slot::kProvider && name.is("Name")) slot_ = Slot::kProvider;
      if (item_ == Slot::kTime && name.is("SystemTime")) slot_ = Slot::kTime;
    }
  }

  void start_closed() { slot_ = content(); }

  // True: the element was <EventID> of <System>.
  bool close() {
    const bool event_id = depth_ == 3 && section_ == Section::kSystem && item_ == Slot::kEventId;
    if (depth_ > 0) --depth_;
    slot_ = content();
    return event_id;
  }

  // What the text that comes next belongs to.
  Slot slot() const { return slot_; }
  unsigned depth() const { return depth_; }
  bool in_data() const { return depth_ >= 2 && section_ == Section::kData; }

 private:
  enum class Section : std::uint8_t { kOther, kSystem, kData };

  static Slot item_of(const Name& name) {
    switch (name.count) {
      case 7:
        return name.is("EventID")   ? Slot::kEventId
               : name.is("Version") ? Slot::kVersion
               : name.is("Channel") ? Slot::kChannel
                                    : Slot::kNone;
      case 8:
        return name.is("Provider")   ? Slot::kProvider
               : name.is("Computer") ? Slot::kHost
                                     : Slot::kNone;
      case 11:
        return name.is("TimeCreated") ? Slot::kTime : Slot::kNone;
      case 13:
        return name.is("EventRecordID") ? Slot::kRecordId : Slot::kNone;
      default:
        return Slot::kNone;
    }
  }

  Slot content() const {
    if (depth_ == 1 && in_event_) return Slot::kData;
    if (depth_ < 3) return Slot::kNone;
    if (section_ == Section::kData) return Slot::kFieldValue;
    if (section_ == Section::kSystem && depth_ == 3 && item_ != Slot::kProvider &&
        item_ != Slot::kTime)
      return item_;
    return Slot::kNone;
  }

  unsigned depth_ = 0;
  bool in_event_ = false;
  bool named_by_attribute_ = false;
  Section section_ = Section::kOther;
  Slot item_ = Slot::kNone;
  Slot slot_ = Slot::kNone;
};

}  // namespace blockwatch::evtx
