// The thread pool by itself, for ThreadSanitizer: loops that share their chunks, tasks from several threads, throwing chunks, sleeping helpers.
#include "pool.h"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <thread>
#include <vector>

using logonet::Pool;

static void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "failed: %s\n", what);
  std::exit(1);
}

/** Sums 0 .. items − 1 by plain writes of disjoint elements. */
static void sums(Pool& pool, int64_t items, int64_t grain) {
  std::vector<int64_t> seen(static_cast<size_t>(items), -1);
  pool.execute([&] {
    pool.parallel(
        items, grain,
        [](void* data, int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; i++) static_cast<int64_t*>(data)[i] = i;
        },
        seen.data());
  });
  for (int64_t i = 0; i < items; i++) require(seen[static_cast<size_t>(i)] == i, "every item once");
}

static void throwing(Pool& pool) {
  bool caught = false;
  try {
    pool.execute([&] {
      pool.parallel(
          64, 1,
          [](void*, int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; i++)
              if (i % 3 == 1) throw std::runtime_error("chunk");
          },
          nullptr);
    });
  } catch (const std::runtime_error&) {
    caught = true;
  }
  require(caught, "what a chunk throws comes back");
}

int main() {
  for (int threads = 1; threads <= 4; threads++) {
    Pool pool(threads, false);
    require(pool.threads() == threads, "as many threads as asked for");
    for (int round = 0; round < 200; round++) {
      sums(pool, 1 + round * 7 % 500, 1 + round % 5);
      if (round % 20 == 0) throwing(pool);
      // Longer than helpers spin: they sleep and are woken.
      if (round % 25 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    std::vector<std::thread> callers;
    for (int caller = 0; caller < 3; caller++)
      callers.emplace_back([&] {
        for (int round = 0; round < 50; round++) sums(pool, 100, 3);
      });
    for (auto& caller : callers) caller.join();
  }
  for (int round = 0; round < 50; round++) Pool idle(3, false);
  std::puts("pool: no race");
}
