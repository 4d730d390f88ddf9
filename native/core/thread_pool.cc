#include "core/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "core/pause.h"

namespace octensor {
namespace {

struct Job {
  ThreadPool::Body body;
  void* context;
  size_t items;
  size_t helpers;
};

// Items next to end - 1, which nobody has taken yet; alone on its cache line.
struct alignas(64) Share {
  std::atomic<size_t> next{0};
  size_t end = 0;
};

class Pool {
 public:
  ~Pool() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      stop_ = true;
      ++generation_;
    }
    wake_.notify_all();
    for (std::thread& helper : helpers_) helper.join();
  }

  // False when another job holds the helpers.
  bool TryRun(const Job& job) {
    if (busy_.exchange(true)) return false;
    StartHelpers(job.helpers);
    job_ = job;
    DivideItems();
    open_ = true;
    ++generation_;
    if (parked_ > 0) {
      // Taking the lock orders this after a helper that has checked the generation but not yet begun to wait.
      {
        std::lock_guard<std::mutex> lock(mutex_);
      }
      wake_.notify_all();
    }
    TakeItems(0);
    // Every item is taken. A helper that arrives from now on sees the closed job and leaves it alone; those inside finish
    // theirs.
    open_ = false;
    for (int spins = 0; inside_ > 0; ++spins) {
      if (spins < 4096) {
        Pause();
      } else {
        std::this_thread::yield();
      }
    }
    busy_ = false;
    return true;
  }

 private:
  void StartHelpers(size_t count) {
    while (helpers_.size() < count) {
      try {
        const size_t worker = helpers_.size() + 1;
        helpers_.emplace_back([this, worker, seen = generation_.load()] { Help(worker, seen); });
      } catch (const std::exception&) {
        return;  // no more threads, or memory for them: fewer helpers do the same work
      }
    }
  }

  // Each worker begins with a share of its own, the same in every job of the same size: its part of the operands stays in its
  // core's cache from call to call, and so does the share's counter. Then it helps the others with theirs.
  void TakeItems(size_t worker) {
    const size_t workers = job_.helpers + 1;
    for (size_t i = 0; i < workers; ++i) {
      Share& share = shares_[(worker + i) % workers];
      for (size_t item; (item = share.next++) < share.end;) job_.body(job_.context, item, worker);
    }
  }

  void DivideItems() {
    const size_t workers = job_.helpers + 1;
    for (size_t i = 0; i < workers; ++i) {
      shares_[i].next = job_.items * i / workers;
      shares_[i].end = job_.items * (i + 1) / workers;
    }
  }

  void Help(size_t worker, uint64_t seen) {
    for (;;) {
      WaitForChange(seen);
      if (stop_) return;
      seen = generation_;
      ++inside_;  // before looking at open_: the caller closes the job first and looks at inside_ then
      if (open_ && worker <= job_.helpers) TakeItems(worker);
      --inside_;
    }
  }

  void WaitForChange(uint64_t seen) {
    if (AvailableCores() > 1 && SpinUntil([&] { return generation_ != seen; })) return;
    std::unique_lock<std::mutex> lock(mutex_);
    ++parked_;
    while (generation_ == seen) {
      // A timed wait on the system clock, since the plain wait() and the steady clock's need newer C and C++ libraries than
      // the oldest that Node 20 runs on. Time means nothing here: the loop is around it.
      wake_.wait_until(lock, std::chrono::system_clock::now() + std::chrono::hours(1));
    }
    --parked_;
  }

  // All of these are sequentially consistent: the hand-over relies on one order of open_/inside_ and of generation_/parked_.
  std::atomic<bool> busy_{false}, open_{false}, stop_{false};
  std::atomic<uint64_t> generation_{0};
  std::atomic<size_t> inside_{0}, parked_{0};
  Job job_{};
  Share shares_[kMaxThreads];
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::thread> helpers_;
};

std::mutex g_mutex;  // guards g_holders and the pool's birth and death
size_t g_holders = 0;
std::atomic<Pool*> g_pool{nullptr};

}  // namespace

void ThreadPool::Run(size_t threads, size_t items, Body body, void* context) {
  if (threads > 1 && items > 1) {
    const size_t helpers = std::min({threads, items, kMaxThreads}) - 1;
    Pool* pool = g_pool;
    if (pool != nullptr && pool->TryRun({body, context, items, helpers})) return;
  }
  for (size_t item = 0; item < items; ++item) body(context, item, 0);
}

void ThreadPool::Acquire() {
  std::lock_guard<std::mutex> lock(g_mutex);
  if (g_holders++ == 0) g_pool = new Pool;
}

void ThreadPool::Release() {
  std::lock_guard<std::mutex> lock(g_mutex);
  if (--g_holders == 0) delete g_pool.exchange(nullptr);
}

size_t AvailableCores() {
  static const size_t cores = std::max(1u, std::thread::hardware_concurrency());
  return cores;
}

}  // namespace octensor
