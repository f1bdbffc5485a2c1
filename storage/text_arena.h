#pragma once
// Owns the text that a batch of events points into: one allocation for many short strings.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace blockwatch {

// Grows only; everything handed out stays valid and in place until the arena is destroyed or
// cleared, also when the arena itself is moved. One thread at a time.
class TextArena {
 public:
  TextArena() = default;
  TextArena(TextArena&& other) noexcept { *this = std::move(other); }
  TextArena& operator=(TextArena&& other) noexcept {
    blocks_ = std::move(other.blocks_);
    next_ = std::exchange(other.next_, nullptr);
    end_ = std::exchange(other.end_, nullptr);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }
  TextArena(const TextArena&) = delete;
  TextArena& operator=(const TextArena&) = delete;
  ~TextArena() = default;

  std::string_view copy(std::string_view text) {
    if (text.empty()) return {};
    char* p = allocate(text.size(), 1);
    std::memcpy(p, text.data(), text.size());
    return {p, text.size()};
  }

  // A copy of the values.
  template <class T>
  std::span<const T> copy_array(std::span<const T> values) {
    static_assert(std::is_trivially_copyable_v<T>);
    if (values.empty()) return {};
    auto* const begin = reinterpret_cast<T*>(allocate(values.size_bytes(), alignof(T)));
    std::uninitialized_copy(values.begin(), values.end(), begin);
    return {begin, values.size()};
  }

  // Room for n values, default-initialised by the caller's writes.
  template <class T>
  std::span<T> array(std::size_t n) {
    static_assert(std::is_trivially_destructible_v<T>);
    if (n == 0) return {};
    return {new (allocate(n * sizeof(T), alignof(T))) T[n], n};
  }

  // Uninitialised bytes; `align` is a power of two.
  char* allocate(std::size_t bytes, std::size_t align) {
    auto room = static_cast<std::size_t>(end_ - next_);
    std::size_t pad = padding(align);
    if (next_ == nullptr || pad + bytes > room) {
      std::size_t block = bytes + align > kBlock ? bytes + align : kBlock;
      blocks_.push_back(std::unique_ptr<char[]>(new char[block]));
      next_ = blocks_.back().get();
      end_ = next_ + block;
      pad = padding(align);
    }
    char* p = next_ + pad;
    next_ = p + bytes;
    size_ += bytes;
    return p;
  }

  // Gives back the unused end of the newest allocation (the last `bytes` handed out).
  void shrink(std::size_t bytes) {
    next_ -= bytes;
    size_ -= bytes;
  }

  // Takes over another arena's text, which stays where it is.
  void absorb(TextArena&& other) {
    for (auto& b : other.blocks_) blocks_.insert(blocks_.begin(), std::move(b));
    size_ += other.size_;
    other = TextArena{};
  }

  std::size_t size() const { return size_; }  // bytes handed out

 private:
  // Bytes from next_ to the next address that is aligned.
  std::size_t padding(std::size_t align) const {
    return (0 - reinterpret_cast<std::uintptr_t>(next_)) & (align - 1);
  }

  static constexpr std::size_t kBlock = std::size_t{64} * 1024;
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* next_ = nullptr;
  char* end_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace blockwatch
