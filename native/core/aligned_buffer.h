// Memory aligned to a cache line, which is also a zmm register.
#ifndef OCTENSOR_CORE_ALIGNED_BUFFER_H_
#define OCTENSOR_CORE_ALIGNED_BUFFER_H_

#include <cstddef>

namespace octensor {

constexpr size_t kAlignment = 64;

constexpr size_t RoundUp(size_t x, size_t multiple) { return (x + multiple - 1) / multiple * multiple; }

class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  ~AlignedBuffer();
  AlignedBuffer(AlignedBuffer&& other) noexcept;
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept;
  AlignedBuffer(const AlignedBuffer&) = delete;
  AlignedBuffer& operator=(const AlignedBuffer&) = delete;

  // Makes room for at least `bytes`; contents are lost when it grows. False when there is no memory.
  [[nodiscard]] bool Reserve(size_t bytes);

  // Stands for memory of the caller's, which it never frees and leaves where Reserve is to make more room.
  void Borrow(void* data, size_t bytes);

  void* data() const { return data_; }
  size_t size_bytes() const { return size_bytes_; }

 private:
  void* data_ = nullptr;
  size_t size_bytes_ = 0;
  bool is_borrowed_ = false;
};

}  // namespace octensor

#endif  // OCTENSOR_CORE_ALIGNED_BUFFER_H_
