#include "core/aligned_buffer.h"

#include <new>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace octensor {
namespace {

// A matrix of many megabytes is read once per call: with 4 KiB pages the address translation alone takes a part of that time.
constexpr size_t kHugePage = size_t{2} << 20;

constexpr size_t AlignmentFor(size_t bytes) { return bytes >= 2 * kHugePage ? kHugePage : kAlignment; }

void Free(void* data, size_t bytes) { ::operator delete(data, std::align_val_t{AlignmentFor(bytes)}); }

}  // namespace

AlignedBuffer::~AlignedBuffer() {
  if (!is_borrowed_) Free(data_, size_bytes_);
}

AlignedBuffer::AlignedBuffer(AlignedBuffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_bytes_(std::exchange(other.size_bytes_, 0)),
      is_borrowed_(std::exchange(other.is_borrowed_, false)) {}

AlignedBuffer& AlignedBuffer::operator=(AlignedBuffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_bytes_, other.size_bytes_);
  std::swap(is_borrowed_, other.is_borrowed_);
  return *this;
}

bool AlignedBuffer::Reserve(size_t bytes) {
  if (bytes <= size_bytes_) return true;
  const size_t alignment = AlignmentFor(bytes);
  void* data = ::operator new(bytes, std::align_val_t{alignment}, std::nothrow);
  if (data == nullptr) return false;
#if defined(__linux__)
  if (alignment == kHugePage) madvise(data, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);  // only a hint: may fail
#endif
  if (!is_borrowed_) Free(data_, size_bytes_);
  data_ = data;
  size_bytes_ = bytes;
  is_borrowed_ = false;
  return true;
}

void AlignedBuffer::Borrow(void* data, size_t bytes) {
  if (!is_borrowed_) Free(data_, size_bytes_);
  data_ = data;
  size_bytes_ = bytes;
  is_borrowed_ = true;
}

}  // namespace octensor
