// The scratch memory of an eager call: first what it needs is added up, then all of it is reserved at once.
#ifndef OCTENSOR_OPS_EAGER_MEMORY_H_
#define OCTENSOR_OPS_EAGER_MEMORY_H_

#include <cstddef>
#include <cstdint>

#include "ops/eager.h"

namespace octensor {

class EagerMemory {
 public:
  explicit EagerMemory(const EagerCall& call) : scratch_(call.scratch) {}

  // A place for that many bytes, below 2^42, aligned to a cache line; for At, after Reserve.
  size_t Add(size_t bytes) {
    const size_t place = bytes_;
    bytes_ += RoundUp(bytes, kAlignment);
    return place;
  }
  size_t AddFloats(size_t count) { return Add(count * sizeof(float)); }

  Status Reserve() {
    if (bytes_ == 0 || scratch_->buffer.Reserve(bytes_)) return {};
    return {StatusCode::kOutOfMemory, "not enough memory for scratch"};
  }

  template <typename T = float>
  T* At(size_t place) const {
    return reinterpret_cast<T*>(static_cast<uint8_t*>(scratch_->buffer.data()) + place);
  }

 private:
  EagerScratch* scratch_;
  size_t bytes_ = 0;
};

}  // namespace octensor

#endif  // OCTENSOR_OPS_EAGER_MEMORY_H_
