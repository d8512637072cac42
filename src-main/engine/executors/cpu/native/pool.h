// Threads that share the chunks of one loop at a time.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace logonet {

/**
 * As many of `threads` threads as the system gives (std::system_error where it gives none): one leads (it takes the submitted tasks in order) and the others help it with parallel loops. Which thread takes
 * which chunk varies; kernels write disjoint outputs per item, so that results do not.
 */
class Pool {
 public:
  Pool(int threads, bool pin);
  ~Pool();
  int threads() const { return threads_; }
  /** Runs the task on the leader, after those submitted before it, and waits. Never from inside a task. */
  void execute(const std::function<void()>& task);
  /** Only from inside a task. What a chunk throws is thrown again here, once every thread has left the loop. */
  void parallel(int64_t items, int64_t grain, void (*body)(void*, int64_t, int64_t), void* data);

 private:
  void lead();
  void help(int index);
  void work();
  void pinTo(int index) const;

  int threads_;
  bool pin_;
  std::vector<std::thread> workers_;

  std::mutex taskMutex_;
  std::condition_variable taskReady_;
  std::deque<std::function<void()>> tasks_;

  std::mutex loopMutex_;
  std::condition_variable loopReady_;
  std::atomic<uint64_t> generation_{0};
  std::atomic<int> running_{0};
  std::atomic<int64_t> next_{0};
  int64_t items_ = 0;
  int64_t grain_ = 1;
  void (*body_)(void*, int64_t, int64_t) = nullptr;
  void* data_ = nullptr;
  int sleepers_ = 0;
  std::exception_ptr failure_;
  std::atomic<bool> stop_{false};
};

/** The CPUs that this process may use, by number. */
std::vector<int> usableCpus();

}  // namespace logonet
