// Memory of a program, and what guarded builds (scripts/sanitize.mjs) forbid in it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace logonet {

/** Pages from the system, zeroed, on huge pages where it gives them. Throws std::bad_alloc. */
class Memory {
 public:
  explicit Memory(size_t bytes);
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  char* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  char* data_;
  size_t bytes_;
};

struct Range {
  int64_t offset;
  size_t bytes;
};

#if defined(__SANITIZE_ADDRESS__) || defined(LOGONET_GUARD_PAGES)
constexpr bool guarded = true;
#else
constexpr bool guarded = false;
#endif

/**
 * While it lives, only these ranges of the memory may be touched: every other byte is poisoned (AddressSanitizer), or every page that
 * holds none of them is taken away (guard pages). In a release build it is nothing.
 */
class Exposed {
 public:
  Exposed(const Memory& memory, const std::vector<Range>& ranges);
  ~Exposed();
  Exposed(const Exposed&) = delete;
  Exposed& operator=(const Exposed&) = delete;

 private:
  const Memory& memory_;
};

}  // namespace logonet
