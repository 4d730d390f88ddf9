// Threads of the process that run whole tasks in the background, so that nobody's event loop waits for them. A task may use the
// ThreadPool for its parts.
#ifndef OCTENSOR_CORE_TASK_QUEUE_H_
#define OCTENSOR_CORE_TASK_QUEUE_H_

namespace octensor {

class TaskQueue {
 public:
  // Tasks start in the order of submission, and run on as many threads as there are cores. False where no thread could be
  // started at all: the task was not taken.
  using Task = void (*)(void* context);
  [[nodiscard]] static bool Submit(Task task, void* context);

  // Threads live while somebody holds the queue (one Acquire per JavaScript environment), and are started when they are needed.
  // Whoever submits a task holds the queue until the task is over; the last Release joins the threads.
  static void Acquire();
  static void Release();
};

}  // namespace octensor

#endif  // OCTENSOR_CORE_TASK_QUEUE_H_
