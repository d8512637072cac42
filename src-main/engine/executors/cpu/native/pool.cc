#include "pool.h"

#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>

#include "step.h"

#if defined(__linux__)
#include <pthread.h>
#include <sched.h>
#endif

namespace logonet {

namespace {

/** Loops of one step follow each other within microseconds: waiting that long awake is cheaper than a sleep and a wake-up. */
constexpr std::chrono::microseconds spinTime{60};

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

template <class Condition>
bool spinUntil(Condition&& condition) {
  const auto end = std::chrono::steady_clock::now() + spinTime;
  do {
    for (int i = 0; i < 32; i++) {
      if (condition()) return true;
      relax();
    }
  } while (std::chrono::steady_clock::now() < end);
  return condition();
}

}  // namespace

namespace {
#if defined(__linux__)
// Part of what a thread gets at its start: memory asked for at the first use ends the process where there is none left.
[[gnu::tls_model("initial-exec")]]
#endif
thread_local int currentThread = 0;
}
int threadIndex() { return currentThread; }

std::vector<int> usableCpus() {
  std::vector<int> cpus;
#if defined(__linux__)
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0)
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
      if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
#endif
  if (cpus.empty())
    for (unsigned cpu = 0; cpu < std::max(1u, std::thread::hardware_concurrency()); cpu++) cpus.push_back(static_cast<int>(cpu));
  return cpus;
}

Pool::Pool(int threads, bool pin) : threads_(1), pin_(pin) {
  workers_.reserve(static_cast<size_t>(std::max(1, threads)));
  workers_.emplace_back([this] { lead(); });
  try {
    for (int i = 1; i < threads; i++) workers_.emplace_back([this, i] { help(i); });
  } catch (const std::system_error&) {
    // A limit of the container or the machine: those that there are will do.
  }
  threads_ = static_cast<int>(workers_.size());
}

Pool::~Pool() {
  {
    std::lock_guard<std::mutex> tasks(taskMutex_);
    std::lock_guard<std::mutex> loops(loopMutex_);
    stop_ = true;
  }
  taskReady_.notify_all();
  loopReady_.notify_all();
  for (auto& worker : workers_) worker.join();
}

void Pool::pinTo(int index) const {
#if defined(__linux__)
  if (!pin_) return;
  const auto cpus = usableCpus();
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpus[static_cast<size_t>(index) % cpus.size()], &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
#else
  (void)index;
#endif
}

void Pool::execute(const std::function<void()>& task) {
  std::mutex doneMutex;
  std::condition_variable doneReady;
  bool done = false;
  std::exception_ptr failure;
  {
    std::lock_guard<std::mutex> lock(taskMutex_);
    tasks_.emplace_back([&] {
      try {
        task();
      } catch (...) {
        failure = std::current_exception();
      }
      std::lock_guard<std::mutex> lock(doneMutex);
      done = true;
      doneReady.notify_one();
    });
  }
  taskReady_.notify_one();
  std::unique_lock<std::mutex> lock(doneMutex);
  doneReady.wait(lock, [&] { return done; });
  if (failure) std::rethrow_exception(failure);
}

void Pool::lead() {
  pinTo(0);
  for (;;) {
    std::function<void()> task;
    {
      std::unique_lock<std::mutex> lock(taskMutex_);
      taskReady_.wait(lock, [&] { return stop_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

void Pool::work() {
  try {
    for (;;) {
      const int64_t begin = next_.fetch_add(grain_, std::memory_order_relaxed);
      if (begin >= items_) return;
      body_(data_, begin, std::min(items_, begin + grain_));
    }
  } catch (...) {
    next_.store(items_, std::memory_order_relaxed); // the chunks that are left are nobody's
    std::lock_guard<std::mutex> lock(loopMutex_);
    if (!failure_) failure_ = std::current_exception();
  }
}

void Pool::help(int index) {
  currentThread = index;
  pinTo(index);
  uint64_t seen = 0;
  for (;;) {
    const auto changed = [&] { return generation_.load(std::memory_order_acquire) != seen || stop_.load(std::memory_order_relaxed); };
    if (!spinUntil(changed)) {
      std::unique_lock<std::mutex> lock(loopMutex_);
      sleepers_++;
      loopReady_.wait(lock, changed);
      sleepers_--;
    }
    if (stop_) return;
    seen = generation_.load(std::memory_order_acquire);
    work();
    running_.fetch_sub(1, std::memory_order_release);
  }
}

void Pool::parallel(int64_t items, int64_t grain, void (*body)(void*, int64_t, int64_t), void* data) {
  if (items <= 0) return;
  grain = std::max<int64_t>(1, grain);
  if (threads_ == 1 || items <= grain) {
    body(data, 0, items);
    return;
  }
  bool wake;
  {
    std::lock_guard<std::mutex> lock(loopMutex_);
    items_ = items;
    grain_ = grain;
    body_ = body;
    data_ = data;
    next_.store(0, std::memory_order_relaxed);
    running_.store(threads_ - 1, std::memory_order_relaxed);
    generation_.fetch_add(1, std::memory_order_release);
    wake = sleepers_ > 0;
  }
  if (wake) loopReady_.notify_all();
  work();
  const auto finished = [&] { return running_.load(std::memory_order_acquire) == 0; };
  while (!spinUntil(finished)) std::this_thread::yield();
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void parallelChunks(Pool* pool, int64_t items, int64_t grain, void (*body)(void*, int64_t, int64_t), void* data) {
  pool->parallel(items, grain, body, data);
}

}  // namespace logonet
