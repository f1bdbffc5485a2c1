#include "monitor/winlog/json_lines_split.h"

#include "monitor/winlog/codes.h"
#include "storage/words.h"

namespace blockwatch::winlog {

namespace {

constexpr std::size_t kLongestKey = 16;
constexpr const char* kTooLong = "a JSON object longer than 4 MiB";

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\x1e'; }

}  // namespace

Result<std::optional<RecordText>> JsonSplitter::next() {
  if (record_end_ > 0) {
    window_.drop(record_end_);
    pos_ = start_ = record_end_ = 0;
  }
  for (;;) {
    if (scan()) {
      record_end_ = pos_;
      return RecordText{window_.text().substr(start_, pos_ - start_), window_.offset_of(start_)};
    }
    drop_scanned();
    const auto more = window_.more();
    if (!more) return tl::unexpected(more.error());
    if (!*more) {
      // Half a character may have been completed by the end of the input.
      if (pos_ < window_.text().size()) continue;
      finish();
      return std::nullopt;
    }
  }
}

// Looks at all text there is; true when a record ends at pos_.
bool JsonSplitter::scan() {
  while (pos_ < window_.text().size()) {
    const char c = window_.text()[pos_];
    const bool complete = string_ ? in_string(c) : in_record() ? in_value(c) : between_records(c);
    if (complete) return true;
  }
  return false;
}

bool JsonSplitter::between_records(char c) {
  if (garbage_) {
    const bool element = c == '{' && base_ > 0 && after_comma_;
    if (!element) {
      ++pos_;
      if (c == '\n') garbage_ = false;
      if (!is_space(c)) after_comma_ = c == ',';
      return false;
    }
    garbage_ = false;
  }
  if (is_space(c) || c == ',') {
    ++pos_;
    if (c == ',') after_comma_ = true;
  } else if (c == '{' || c == '[') {
    start_ = pos_;
    last_ = Last::kOpen;
    key_.clear();
    if (c == '[' && stack_.empty()) {
      stack_.push_back(c);
      base_ = 1;
      ++pos_;
    } else {
      open(c);
    }
  } else if (c == ']' && base_ > 0) {
    stack_.pop_back();
    base_ = 0;
    ++pos_;
    start_ = pos_;
    skim_ = !stack_.empty();
    last_ = Last::kValue;
  } else {
    skip_garbage("text where a JSON object was expected");
  }
  return false;
}

bool JsonSplitter::in_string(char c) {
  ++pos_;
  if (escape_) {
    escape_ = false;
  } else if (c == '\\') {
    escape_ = true;
  } else if (c == '"') {
    string_ = false;
    last_ = Last::kValue;
  } else if (static_cast<unsigned char>(c) < 0x20) {
    --pos_;
    broken("a JSON string that does not end on its line");
    return false;
  } else if (key_position_ && key_.size() < kLongestKey) {
    key_ += c;
  }
  return false;
}

bool JsonSplitter::in_value(char c) {
  switch (c) {
    case '"':
      string_ = true;
      key_position_ = stack_.back() == '{' && (last_ == Last::kOpen || last_ == Last::kComma);
      if (key_position_) key_.clear();
      ++pos_;
      return false;
    case '{':
    case '[':
      if (!may_open()) {
        broken("a JSON object that is cut off or malformed");
      } else if (stack_.size() - base_ >= kMaxDepth) {
        broken("JSON nested deeper than 64 levels");
      } else if (!enter_wrapper()) {
        open(c);
      }
      return false;
    case '}':
    case ']':
      return close(c);
    case ',':
      last_ = Last::kComma;
      break;
    case ':':
      last_ = Last::kColon;
      break;
    default:
      if (!is_space(c)) last_ = Last::kValue;
      break;
  }
  ++pos_;
  return false;
}

bool JsonSplitter::may_open() const {
  if (stack_.back() == '{') return last_ == Last::kColon;
  return last_ == Last::kOpen || last_ == Last::kComma;
}

void JsonSplitter::open(char c) {
  stack_ += c;
  last_ = Last::kOpen;
  ++pos_;
}

bool JsonSplitter::close(char c) {
  if (stack_.back() != (c == '}' ? '{' : '[')) {
    broken("a JSON object whose brackets do not match");
    return false;
  }
  stack_.pop_back();
  last_ = Last::kValue;
  ++pos_;
  if (stack_.size() < 2) container_ = false;
  if (in_record()) return false;
  const std::size_t size = pos_ - start_;
  if (skim_) {
    skim_ = false;
  } else if (oversize_ || size > kMaxRecordBytes) {
    if (!oversize_) report_.note(window_.offset_of(start_), kTooLong);
    oversize_ = false;
  } else {
    after_comma_ = noted_ = false;
    return true;
  }
  return false;
}

// At the '[' or '{' after a key: is it one of the arrays whose elements are the records?
bool JsonSplitter::enter_wrapper() {
  if (base_ != 0 || stack_.back() != '{') return false;
  const bool array = window_.text()[pos_] == '[';
  const bool top = stack_.size() == 1;
  if (!array) {
    if (top && equal_ignoring_case(key_, "events")) container_ = true;
    return false;
  }
  const bool found =
      (top && (equal_ignoring_case(key_, "events") || equal_ignoring_case(key_, "records"))) ||
      (stack_.size() == 2 && container_ && equal_ignoring_case(key_, "event"));
  if (!found) return false;
  stack_ += '[';
  base_ = stack_.size();
  ++pos_;
  start_ = pos_;
  after_comma_ = oversize_ = skim_ = false;
  return true;
}

// Notes the value being read and goes on behind its first line, or here if it has only one.
void JsonSplitter::broken(const char* what) {
  const std::string_view text = window_.text();
  if (!skim_ && !oversize_ && pos_ - start_ > kMaxRecordBytes) {
    report_.note(window_.offset_of(start_), kTooLong);
    oversize_ = true;
  }
  const bool kept = !skim_ && !oversize_;  // else the start is not in the window any more
  if (!noted_ && !oversize_) report_.note(window_.offset_of(kept ? start_ : pos_), what);
  noted_ = true;
  const std::size_t line_end = kept ? text.find('\n', start_) : std::string_view::npos;
  const bool same_line = line_end == std::string_view::npos || line_end >= pos_;
  if (!same_line) pos_ = line_end + 1;
  garbage_ = same_line && text[pos_] != '{';
  string_ = escape_ = oversize_ = skim_ = container_ = after_comma_ = false;
  stack_.resize(base_);
  start_ = pos_;
}

void JsonSplitter::skip_garbage(const char* what) {
  if (!noted_) report_.note(window_.offset_of(pos_), what);
  noted_ = true;
  garbage_ = true;
  after_comma_ = false;
}

// Before more text comes: forgets what is not part of a record and bounds what is.
void JsonSplitter::drop_scanned() {
  std::size_t done = 0;
  if (!in_record() || skim_ || oversize_) {
    done = pos_;
  } else if (pos_ - start_ > kMaxRecordBytes) {
    report_.note(window_.offset_of(start_), kTooLong);
    oversize_ = true;
    done = pos_;
  } else {
    done = start_;
  }
  window_.drop(done);
  pos_ -= done;
  start_ = 0;
}

void JsonSplitter::finish() {
  if (in_record() && !skim_ && !oversize_) {
    report_.note(window_.offset_of(start_), "the input ends inside a JSON object");
  } else if (!stack_.empty() || skim_) {
    report_.note(window_.offset_of(pos_), "the input ends inside a JSON array");
  }
}

}  // namespace blockwatch::winlog
