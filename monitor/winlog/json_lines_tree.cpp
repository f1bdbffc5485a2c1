#include "monitor/winlog/json_lines_tree.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "monitor/winlog/codes.h"
#include "storage/words.h"

namespace blockwatch::winlog {

// The parser's event receiver; false stops it.
class JsonTree::Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Builder(JsonTree& tree) : tree_(tree) {}

  const std::string& error() const { return error_; }

  bool null() override { return leaf(Kind::kNull, {}); }
  bool boolean(bool value) override { return leaf(Kind::kBool, value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override { return integer(value); }
  bool number_unsigned(number_unsigned_t value) override { return integer(value); }
  bool number_float(number_float_t /*value*/, const string_t& text) override {
    return leaf(Kind::kNumber, keep(text));
  }
  bool string(string_t& value) override { return leaf(Kind::kString, keep(value)); }
  bool binary(binary_t& /*value*/) override { return false; }  // JSON text has none
  bool start_object(std::size_t /*size*/) override { return start(Kind::kObject); }
  bool start_array(std::size_t /*size*/) override { return start(Kind::kArray); }
  bool end_array() override {
    end();
    return true;
  }
  bool key(string_t& name) override {
    key_ = keep(name);
    return true;
  }

  bool end_object() override {
    const Node& object = tree_.nodes_[open_.back()];
    tree_.nodes_[open_.back()].end = static_cast<std::uint32_t>(tree_.nodes_.size());
    keys_.clear();
    tree_.for_each(object, [this](const Node& member) { keys_.push_back(member.key); });
    std::sort(keys_.begin(), keys_.end());
    const auto twice = std::adjacent_find(keys_.begin(), keys_.end());
    if (twice != keys_.end()) {
      error_ = "the key \"" + std::string(twice->substr(0, kShown)) + "\" occurs twice";
      return false;
    }
    end();
    return true;
  }

  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*e*/) override {
    error_ = "malformed JSON or invalid UTF-8 at its byte " + std::to_string(position);
    return false;
  }

 private:
  static constexpr std::size_t kShown = 64;

  std::string_view keep(std::string_view text) {
    const std::size_t at = tree_.text_.size();
    tree_.text_.append(text);
    return std::string_view(tree_.text_).substr(at);
  }

  template <class Integer>
  bool integer(Integer value) {
    char digits[24];
    const auto written = std::to_chars(std::begin(digits), std::end(digits), value);
    return leaf(Kind::kNumber, keep({digits, static_cast<std::size_t>(written.ptr - digits)}));
  }

  bool leaf(Kind kind, std::string_view text) {
    tree_.nodes_.push_back({take_key(), text, kind, 0});
    tree_.nodes_.back().end = static_cast<std::uint32_t>(tree_.nodes_.size());
    return true;
  }

  bool start(Kind kind) {
    open_.push_back(static_cast<std::uint32_t>(tree_.nodes_.size()));
    tree_.nodes_.push_back({take_key(), {}, kind, 0});
    return true;
  }

  void end() {
    tree_.nodes_[open_.back()].end = static_cast<std::uint32_t>(tree_.nodes_.size());
    open_.pop_back();
  }

  std::string_view take_key() { return std::exchange(key_, {}); }

  JsonTree& tree_;
  std::vector<std::uint32_t> open_;
  std::vector<std::string_view> keys_;
  std::string_view key_;
  std::string error_;
};

std::optional<std::string> JsonTree::parse(std::string_view json) {
  nodes_.clear();
  text_.clear();
  // Decoding never makes text longer; "-0" is the one number that another spelling could outgrow.
  text_.reserve(json.size() + 1);
  Builder builder(*this);
  if (nlohmann::json::sax_parse(json.begin(), json.end(), &builder)) return std::nullopt;
  return builder.error();
}

const JsonTree::Node* JsonTree::find(const Node* object, std::string_view key) const {
  if (object == nullptr || object->kind != Kind::kObject) return nullptr;
  const Node* found = nullptr;
  for_each(*object, [&](const Node& member) {
    if (found == nullptr && member.key == key) found = &member;
  });
  return found;
}

const JsonTree::Node* JsonTree::find_any_case(const Node* object, std::string_view key) const {
  if (object == nullptr || object->kind != Kind::kObject) return nullptr;
  const Node* found = nullptr;
  for_each(*object, [&](const Node& member) {
    if (found == nullptr && equal_ignoring_case(member.key, key)) found = &member;
  });
  return found;
}

}  // namespace blockwatch::winlog
