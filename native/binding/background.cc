#include "binding/background.h"

#include <condition_variable>
#include <mutex>
#include <unordered_set>

#include "core/task_queue.h"

namespace octensor {

struct Background::State {
  napi_threadsafe_function finished = nullptr;  // calls Finish on the environment's thread
  std::unordered_set<Run*> runs;                // under way; of the environment's thread

  std::mutex mutex;  // guards `tasks`
  std::condition_variable idle;
  size_t tasks = 0;  // in the queue or at work
};

struct Background::Request {
  State* state;
  std::shared_ptr<Run> run;
  size_t first, last;
  bool profile;
  size_t stopped_at;
  napi_deferred deferred;
};

Background::Background() : state_(std::make_unique<State>()) { TaskQueue::Acquire(); }

Background::~Background() { TaskQueue::Release(); }

// On a thread of the queue.
void Background::Work(void* context) {
  auto* request = static_cast<Request*>(context);
  State* state = request->state;
  request->stopped_at = request->run->Steps(request->first, request->last, request->profile);
  napi_call_threadsafe_function(state->finished, request, napi_tsfn_nonblocking);  // its queue is unbounded: never refused
  std::lock_guard<std::mutex> lock(state->mutex);
  --state->tasks;
  state->idle.notify_all();
}

// On the environment's thread; `env` is null when the environment has ended meanwhile.
void Background::Finish(napi_env env, napi_value, void*, void* data) {
  const std::unique_ptr<Request> request(static_cast<Request*>(data));
  if (env == nullptr) return;
  State* state = request->state;
  request->run->is_in_background = false;
  state->runs.erase(request->run.get());
  if (state->runs.empty()) napi_unref_threadsafe_function(env, state->finished);
  napi_value step;
  napi_create_double(env, static_cast<double>(request->stopped_at), &step);
  napi_resolve_deferred(env, request->deferred, step);
}

// The environment ends: after this no task touches it.
void Background::StopAll(void* context) {
  auto* state = static_cast<State*>(context);
  for (Run* run : state->runs) run->arena.cancelled = true;
  std::unique_lock<std::mutex> lock(state->mutex);
  while (state->tasks > 0) {
    state->idle.wait_until(lock, std::chrono::system_clock::now() + std::chrono::hours(1));  // see thread_pool.cc
  }
}

bool Background::Open(napi_env env) {
  if (state_->finished != nullptr) return true;
  napi_value name;
  return napi_create_string_utf8(env, "octensor", NAPI_AUTO_LENGTH, &name) == napi_ok &&
         napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, nullptr, Finish,
                                         &state_->finished) == napi_ok &&
         napi_unref_threadsafe_function(env, state_->finished) == napi_ok &&
         // Hooks run last in, first out: this one while the function above is still open.
         napi_add_env_cleanup_hook(env, StopAll, state_.get()) == napi_ok;
}

napi_value Background::Start(napi_env env, const std::shared_ptr<Run>& run, size_t first, size_t last, bool profile) {
  napi_value promise;
  auto request = std::make_unique<Request>(Request{state_.get(), run, first, last, profile, first, nullptr});
  if (!Open(env) || napi_create_promise(env, &request->deferred, &promise) != napi_ok) {
    napi_throw_error(env, "ERR_NATIVE", "cannot start a background run in this environment");
    return nullptr;
  }
  {
    std::lock_guard<std::mutex> lock(state_->mutex);
    ++state_->tasks;
  }
  if (state_->runs.empty()) napi_ref_threadsafe_function(env, state_->finished);
  state_->runs.insert(run.get());
  run->is_in_background = true;
  Request* submitted = request.release();
  if (!TaskQueue::Submit(Work, submitted)) Work(submitted);  // no thread can be started: here and now is better than never
  return promise;
}

}  // namespace octensor
