#include "core/task_queue.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "core/pause.h"
#include "core/thread_pool.h"

namespace octensor {
namespace {

struct Item {
  TaskQueue::Task task;
  void* context;
};

class Queue {
 public:
  ~Queue() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  bool Submit(Item item) {
    bool must_wake;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (idle_ <= items_.size() && threads_.size() < AvailableCores() && !StartThread() && threads_.empty()) return false;
      items_.push_back(item);
      waiting_ = items_.size();
      must_wake = parked_ > 0;
    }
    if (must_wake) wake_.notify_one();
    return true;
  }

 private:
  bool StartThread() {
    try {
      threads_.emplace_back([this] { Work(); });
      ++idle_;
      return true;
    } catch (const std::exception&) {
      return false;  // no more threads, or memory for them: those that there are do the work
    }
  }

  void Work() {
    for (;;) {
      if (AvailableCores() > 1) SpinUntil([this] { return waiting_ > 0 || stop_; });
      Item item;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        ++parked_;
        while (items_.empty() && !stop_) {
          // Timed and on the system clock for the sake of old C++ libraries: see thread_pool.cc.
          wake_.wait_until(lock, std::chrono::system_clock::now() + std::chrono::hours(1));
        }
        --parked_;
        if (items_.empty()) return;
        item = items_.front();
        items_.pop_front();
        waiting_ = items_.size();
        --idle_;
      }
      item.task(item.context);
      std::lock_guard<std::mutex> lock(mutex_);
      ++idle_;
    }
  }

  std::atomic<size_t> waiting_{0};  // items_.size(), for those who spin
  std::atomic<bool> stop_{false};
  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::deque<Item> items_;
  std::vector<std::thread> threads_;
  size_t idle_ = 0;    // threads without a task
  size_t parked_ = 0;  // of those, the ones that wait for wake_
};

std::mutex g_mutex;  // guards the rest
size_t g_holders = 0;
Queue* g_queue = nullptr;

}  // namespace

bool TaskQueue::Submit(Task task, void* context) {
  Queue* queue;
  {
    std::lock_guard<std::mutex> lock(g_mutex);
    queue = g_queue;  // stays as long as the caller holds it
  }
  return queue != nullptr && queue->Submit({task, context});
}

void TaskQueue::Acquire() {
  std::lock_guard<std::mutex> lock(g_mutex);
  if (g_holders++ == 0) g_queue = new Queue;
}

void TaskQueue::Release() {
  std::lock_guard<std::mutex> lock(g_mutex);
  if (--g_holders > 0) return;
  delete g_queue;
  g_queue = nullptr;
}

}  // namespace octensor
