// A vector whose memory begins at a cache line: loads of whole vectors then never straddle two. resize() leaves new numbers
// unwritten, for tables that are written in full before they are read (or in small part only): zeros would cost a pass.
#pragma once

#include <immiscible/detail/build_namespace.hpp>

#include <cstddef>
#include <new>
#include <utility>
#include <vector>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

template <class T>
struct cache_line_allocator {
  using value_type = T;
  static constexpr std::align_val_t line{64};

  cache_line_allocator() = default;
  template <class Other>
  cache_line_allocator(const cache_line_allocator<Other>&) {}

  T* allocate(std::size_t count) {
    if (count > static_cast<std::size_t>(-1) / sizeof(T)) throw std::bad_array_new_length();
    return static_cast<T*>(::operator new(count * sizeof(T), line));
  }
  template <class U>
  void construct(U* place) {
    ::new (static_cast<void*>(place)) U;
  }
  template <class U, class... Arguments>
  void construct(U* place, Arguments&&... arguments) {
    ::new (static_cast<void*>(place)) U(std::forward<Arguments>(arguments)...);
  }
  void deallocate(T* memory, std::size_t) { ::operator delete(memory, line); }

  template <class Other>
  bool operator==(const cache_line_allocator<Other>&) const {
    return true;
  }
  template <class Other>
  bool operator!=(const cache_line_allocator<Other>&) const {
    return false;
  }
};

template <class T>
using aligned_vector = std::vector<T, cache_line_allocator<T>>;

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible
