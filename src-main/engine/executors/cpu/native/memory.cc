#include "memory.h"

#include <algorithm>
#include <new>

#if defined(_WIN32)
#include <malloc.h>
#else
#include <sys/mman.h>
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace logonet {

namespace {
constexpr size_t page = 4096;
/** A page on either side, so that a step outside the memory ends the process where it happens. */
constexpr size_t margin = guarded ? page : 0;
size_t wholePages(size_t bytes) { return (bytes + page - 1) / page * page; }
}  // namespace

#if defined(_WIN32)
Memory::Memory(size_t bytes) : data_(nullptr), bytes_(std::max<size_t>(bytes, 64)) {
  data_ = static_cast<char*>(_aligned_malloc(bytes_, page));
  if (!data_) throw std::bad_alloc();
  std::fill(data_, data_ + bytes_, char{0});
}
Memory::~Memory() { _aligned_free(data_); }
#else
Memory::Memory(size_t bytes) : data_(nullptr), bytes_(std::max<size_t>(bytes, 64)) {
  const size_t usable = margin ? wholePages(bytes_) : bytes_;
  void* pages = mmap(nullptr, usable + 2 * margin, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw std::bad_alloc();
  data_ = static_cast<char*>(pages) + margin;
  if (margin) {
    mprotect(pages, margin, PROT_NONE);
    mprotect(data_ + usable, margin, PROT_NONE);
  }
#if defined(MADV_HUGEPAGE)
  if (!margin) madvise(pages, bytes_, MADV_HUGEPAGE);
#endif
}
Memory::~Memory() {
  munmap(data_ - margin, (margin ? wholePages(bytes_) : bytes_) + 2 * margin);
}
#endif

#if defined(__SANITIZE_ADDRESS__)
Exposed::Exposed(const Memory& memory, const std::vector<Range>& ranges) : memory_(memory) {
  __asan_poison_memory_region(memory.data(), memory.bytes());
  // Whole vectors: lanes beyond the last element belong to the tensor.
  for (const Range& range : ranges) __asan_unpoison_memory_region(memory.data() + range.offset, (range.bytes + 63) / 64 * 64);
}
Exposed::~Exposed() { __asan_unpoison_memory_region(memory_.data(), memory_.bytes()); }
#elif defined(LOGONET_GUARD_PAGES)
Exposed::Exposed(const Memory& memory, const std::vector<Range>& ranges) : memory_(memory) {
  mprotect(memory.data(), wholePages(memory.bytes()), PROT_NONE);
  for (const Range& range : ranges) {
    const size_t begin = static_cast<size_t>(range.offset) / page * page;
    mprotect(memory.data() + begin, wholePages(static_cast<size_t>(range.offset) + range.bytes - begin), PROT_READ | PROT_WRITE);
  }
}
Exposed::~Exposed() { mprotect(memory_.data(), wholePages(memory_.bytes()), PROT_READ | PROT_WRITE); }
#else
Exposed::Exposed(const Memory& memory, const std::vector<Range>&) : memory_(memory) {}
Exposed::~Exposed() { (void)memory_; }
#endif

}  // namespace logonet
