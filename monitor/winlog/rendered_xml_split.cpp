#include "monitor/winlog/rendered_xml_split.h"

namespace blockwatch::winlog {

namespace {

constexpr const char* kTooLong = "an <Event> longer than 4 MiB";

bool ends_name(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '>' || c == '/' || c == '<';
}

std::string_view local_name(std::string_view text) {
  std::size_t size = 0;
  while (size < text.size() && !ends_name(text[size])) ++size;
  const std::string_view name = text.substr(0, size);
  const std::size_t colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

}  // namespace

struct XmlSplitter::Markup {
  enum class Kind : std::uint8_t { kStart, kEmpty, kEnd, kOther, kBroken, kIncomplete };
  Kind kind = Kind::kIncomplete;
  std::size_t size = 0;
  std::string_view name;  // without a namespace prefix

  static Markup until(std::string_view text, std::string_view end, std::size_t from) {
    const std::size_t found = text.find(end, from);
    if (found == std::string_view::npos) return {};
    return {Kind::kOther, found + end.size(), {}};
  }
};

// `text` begins with '<'.
XmlSplitter::Markup XmlSplitter::read_markup(std::string_view text) {
  using Kind = Markup::Kind;
  constexpr std::string_view kComment = "<!--";
  constexpr std::string_view kCdata = "<![CDATA[";
  if (text.size() < 2) return {};
  if (text.starts_with(kComment)) return Markup::until(text, "-->", kComment.size());
  if (text.starts_with(kCdata)) return Markup::until(text, "]]>", kCdata.size());
  if (kComment.starts_with(text) || kCdata.starts_with(text)) return {};
  if (text[1] == '?') return Markup::until(text, "?>", 2);

  char quote = 0;
  for (std::size_t i = 1; i < text.size(); ++i) {
    const char c = text[i];
    // No tag may hold a '<', not even in quotes: the tag was cut off before.
    if (c == '<') return {Kind::kBroken, i, {}};
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '>') {
      if (text[1] == '!') return {Kind::kOther, i + 1, {}};
      if (text[1] == '/') return {Kind::kEnd, i + 1, local_name(text.substr(2))};
      const bool empty = text[i - 1] == '/';
      return {empty ? Kind::kEmpty : Kind::kStart, i + 1, local_name(text.substr(1))};
    }
  }
  return {};
}

Result<std::optional<RecordText>> XmlSplitter::next() {
  if (record_end_ > 0) {
    window_.drop(record_end_);
    pos_ = record_end_ = 0;
  }
  for (;;) {
    const std::string_view text = window_.text();
    const std::size_t open = text.find('<', pos_);
    Markup markup;
    if (open != std::string_view::npos) markup = read_markup(text.substr(open));
    if (markup.kind != Markup::Kind::kIncomplete) {
      pos_ = open + markup.size;
      if (on_markup(markup, open)) {
        if (pos_ - *start_ > kMaxRecordBytes) {
          abandon(*start_, pos_, kTooLong);
          continue;
        }
        record_end_ = pos_;
        const RecordText record{text.substr(*start_, pos_ - *start_), window_.offset_of(*start_)};
        start_.reset();
        return record;
      }
      continue;
    }
    pos_ = open == std::string_view::npos ? text.size() : open;
    limit_size();
    const auto more = window_.more();
    if (!more) return tl::unexpected(more.error());
    if (!*more) {
      finish();
      return std::nullopt;
    }
  }
}

// Takes one piece of markup at `at`, which pos_ is behind; true when it ends a record.
bool XmlSplitter::on_markup(const Markup& markup, std::size_t at) {
  using Kind = Markup::Kind;
  if (markup.kind == Kind::kOther || markup.kind == Kind::kBroken) return false;
  const bool is_event = markup.name == "Event";
  if (markup.name == "Events" || is_event) saw_events_ = true;

  if (nested_start_) {
    // Some providers put an element of that name into their data. A new record it is when its
    // first child is <System>: then the record around it was cut off.
    const std::size_t nested = *nested_start_;
    nested_start_.reset();
    if (markup.kind == Kind::kStart && markup.name == "System") {
      const std::size_t behind = pos_ - nested;
      abandon(*start_, nested, "an <Event> without its end tag, followed by the next");
      start_ = 0;
      pos_ = behind;
      depth_ = 1;
      return false;
    }
  }
  if (!is_event) return false;
  if (markup.kind == Kind::kStart) {
    if (depth_++ == 0) {
      start_ = at;
    } else {
      nested_start_ = at;
    }
    return false;
  }
  if (markup.kind == Kind::kEmpty && depth_ == 0) {
    start_ = at;
    return true;
  }
  return markup.kind == Kind::kEnd && depth_ > 0 && --depth_ == 0;
}

// Notes the record at `from` as damage and goes on at `resume`, outside of any record.
void XmlSplitter::abandon(std::size_t from, std::size_t resume, const char* what) {
  report_.note(window_.offset_of(from), what);
  window_.drop(resume);
  pos_ = 0;
  start_.reset();
  nested_start_.reset();
  depth_ = 0;
}

// Before more text comes: forgets what lies outside of records and bounds what does not.
void XmlSplitter::limit_size() {
  const std::size_t size = window_.text().size();
  if (!start_) {
    window_.drop(pos_);
    pos_ = 0;
  }
  if (size - start_.value_or(0) <= kMaxRecordBytes || window_.text().size() <= kMaxRecordBytes) {
    return;
  }
  abandon(start_.value_or(0), window_.text().size(),
          start_ ? kTooLong : "markup longer than 4 MiB");
}

void XmlSplitter::finish() {
  if (start_) {
    abandon(*start_, window_.text().size(), "the input ends inside an <Event>");
  } else if (!window_.text().empty() && window_.text().front() == '<') {
    abandon(0, window_.text().size(), "the input ends inside markup");
  }
}

}  // namespace blockwatch::winlog
