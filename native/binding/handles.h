// Native objects that JavaScript holds as externals.
#ifndef OCTENSOR_BINDING_HANDLES_H_
#define OCTENSOR_BINDING_HANDLES_H_

#include <napi.h>

#include <memory>
#include <unordered_set>
#include <utility>

namespace octensor {

// The handles to objects of one type that live in one environment, so that a handle made by somebody else is never followed.
// The set outlives the environment's instance data: the order in which an ending environment finalizes things is its own
// affair.
template <typename T>
class HandleSet {
 public:
  // An external that shares `object`; `size_bytes` is what the garbage collector is told. Null after a failure.
  napi_value Wrap(napi_env env, std::shared_ptr<T> object, size_t size_bytes) {
    auto handle = std::make_unique<Handle>(Handle{std::move(object), live_, size_bytes});
    const auto finalize = [](napi_env ending, void* data, void*) {
      std::unique_ptr<Handle> owned(static_cast<Handle*>(data));
      owned->Reset(ending);
    };
    napi_value external;
    if (napi_create_external(env, handle.get(), finalize, nullptr, &external) != napi_ok) return nullptr;
    live_->insert(handle.get());
    Adjust(env, static_cast<int64_t>(size_bytes));
    handle.release();
    return external;
  }

  // The object of an external's data, or null where it is not one of this set or was dropped.
  std::shared_ptr<T>* Find(const void* data) const {
    if (live_->count(data) == 0) return nullptr;
    return &const_cast<Handle*>(static_cast<const Handle*>(data))->object;
  }

  // Gives the object up before the garbage collector does. False where `data` is not of this set.
  bool Drop(napi_env env, void* data) {
    if (live_->count(data) == 0) return false;
    static_cast<Handle*>(data)->Reset(env);
    return true;
  }

 private:
  struct Handle {
    std::shared_ptr<T> object;
    std::shared_ptr<std::unordered_set<const void*>> live;
    size_t size_bytes;

    void Reset(napi_env env) {
      if (live->erase(this) == 0) return;
      object.reset();
      Adjust(env, -static_cast<int64_t>(size_bytes));
    }
  };

  static void Adjust(napi_env env, int64_t bytes) {
    int64_t total;
    napi_adjust_external_memory(env, bytes, &total);
  }

  std::shared_ptr<std::unordered_set<const void*>> live_ = std::make_shared<std::unordered_set<const void*>>();
};

}  // namespace octensor

#endif  // OCTENSOR_BINDING_HANDLES_H_
