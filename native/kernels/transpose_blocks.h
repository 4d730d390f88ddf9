// Transposition in registers. The one operation is the perfect shuffle of an array of n registers: its first half interleaved
// with its second, which rotates the bits of every element's index by one place, the top one to the bottom. An array [h, w]
// with h a power of two is [w, h] after log2 h of them. So the same steps serve square blocks, a few long rows and a few long
// columns.
//
// Ops is a struct of an instruction set's operations on vectors of 16 bytes:
//   Vector, Table
//   Load(p), Store(p, v); Make(low, high), Low(v), High(v): two uint64
//   ZipLow<bytes>(a, b), ZipHigh<bytes>(a, b): a0 b0 a1 b1 ... of the lower or upper halves
//   MakeTable(indexes), Permute(table, v): byte b of v[k] becomes byte indexes[k][b] of the 48 bytes that v[0 to 2] were
//   Wide, kHasWide; LoadWide(a, b), StoreWide(p, v): two vectors side by side, where zips work on each for itself
#ifndef OCTENSOR_KERNELS_TRANSPOSE_BLOCKS_H_
#define OCTENSOR_KERNELS_TRANSPOSE_BLOCKS_H_

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernels/inline.h"
#include "kernels/transpose_elements.h"

namespace octensor {
namespace {

constexpr size_t kVectorBytes = 16, kLineBytes = 64;

template <class Ops, size_t kBytes, size_t kCount, class Vector>
OCTENSOR_INLINE void Shuffle(Vector* v) {
  Vector out[kCount];
  OCTENSOR_UNROLL
  for (size_t i = 0; i < kCount / 2; ++i) {
    out[2 * i] = Ops::template ZipLow<kBytes>(v[i], v[i + kCount / 2]);
    out[2 * i + 1] = Ops::template ZipHigh<kBytes>(v[i], v[i + kCount / 2]);
  }
  OCTENSOR_UNROLL
  for (size_t i = 0; i < kCount; ++i) v[i] = out[i];
}

// Registers that hold [kRows, kCount * 16 / (kRows * kBytes)] become its transpose.
template <class Ops, size_t kBytes, size_t kCount, size_t kRows, class Vector>
OCTENSOR_INLINE void ShuffleRows(Vector* v) {
  if constexpr (kRows > 1) {
    Shuffle<Ops, kBytes, kCount>(v);
    ShuffleRows<Ops, kBytes, kCount, kRows / 2>(v);
  }
}

// A vector of pieces of kPiece bytes that are `stride` apart; through integers, as a vector that is read where narrower stores
// have just been would wait for them.
template <class Ops, size_t kPiece>
OCTENSOR_INLINE typename Ops::Vector LoadPieces(const uint8_t* p, ptrdiff_t stride) {
  uint64_t halves[2];
  OCTENSOR_UNROLL
  for (int half = 0; half < 2; ++half) {
    halves[half] = 0;
    OCTENSOR_UNROLL
    for (size_t at = 0; at < 8; at += kPiece, p += stride) {
      uint64_t piece = 0;
      memcpy(&piece, p, kPiece);
      halves[half] |= piece << (8 * at);
    }
  }
  return Ops::Make(halves[0], halves[1]);
}

template <class Ops, size_t kPiece>
OCTENSOR_INLINE void StorePieces(uint8_t* p, ptrdiff_t stride, typename Ops::Vector v) {
  const uint64_t halves[2] = {Ops::Low(v), Ops::High(v)};
  OCTENSOR_UNROLL
  for (int half = 0; half < 2; ++half) {
    OCTENSOR_UNROLL
    for (size_t at = 0; at < 8; at += kPiece, p += stride) {
      const uint64_t piece = halves[half] >> (8 * at);
      memcpy(p, &piece, kPiece);
    }
  }
}

// For each byte of [kWidth, kHeight] elements of kBytes, where it was in [kHeight, kWidth]: 48 bytes.
template <size_t kBytes, size_t kHeight, size_t kWidth>
struct ThreeIndexes {
  uint8_t at[3][kVectorBytes] = {};
  constexpr ThreeIndexes() {
    for (size_t byte = 0; byte < 3 * kVectorBytes; ++byte) {
      const size_t element = byte / kBytes, row = element / kHeight, column = element % kHeight;
      at[byte / kVectorBytes][byte % kVectorBytes] = static_cast<uint8_t>((column * kWidth + row) * kBytes + byte % kBytes);
    }
  }
};

template <class Ops, size_t kBytes>
struct Transposer {
  using Vector = typename Ops::Vector;
  static constexpr size_t kSide = kVectorBytes / kBytes;  // elements of a vector
  static constexpr size_t kTile = kLineBytes / kBytes;    // and of a cache line
  // Lines a multiple of this apart share so few sets of a level-1 cache that the 64 or 32 on one side of a tile of small
  // elements push each other out, and tiles are copied. Larger elements have fewer lines: an order of blocks is enough
  // (measured on Zen 4).
  static constexpr ptrdiff_t kAliasing = 2048 * kBytes;
  static constexpr bool kMayCopy = kBytes <= 2;

  static OCTENSOR_INLINE ptrdiff_t Offset(size_t i, ptrdiff_t stride) { return static_cast<ptrdiff_t>(i) * stride; }

  // Calls body(first) for blocks that cover [0, size), size >= block: the last may begin early, and moves some elements again.
  template <class Body>
  static OCTENSOR_INLINE void ForBlocks(size_t size, size_t block, const Body& body) {
    for (size_t i = 0; i < size; i += block) body(i + block <= size ? i : size - block);
  }

  static OCTENSOR_INLINE void Block(const uint8_t* x, ptrdiff_t x_stride, uint8_t* y, ptrdiff_t y_stride) {
    Vector v[kSide];
    OCTENSOR_UNROLL
    for (size_t i = 0; i < kSide; ++i) v[i] = Ops::Load(x + Offset(i, x_stride));
    ShuffleRows<Ops, kBytes, kSide, kSide>(v);
    OCTENSOR_UNROLL
    for (size_t i = 0; i < kSide; ++i) Ops::Store(y + Offset(i, y_stride), v[i]);
  }

  // Two blocks, one below the other.
  static OCTENSOR_INLINE void WideBlock(const uint8_t* x, ptrdiff_t x_stride, uint8_t* y, ptrdiff_t y_stride) {
    typename Ops::Wide v[kSide];
    OCTENSOR_UNROLL
    for (size_t i = 0; i < kSide; ++i) v[i] = Ops::LoadWide(x + Offset(i, x_stride), x + Offset(i + kSide, x_stride));
    ShuffleRows<Ops, kBytes, kSide, kSide>(v);
    OCTENSOR_UNROLL
    for (size_t i = 0; i < kSide; ++i) Ops::StoreWide(y + Offset(i, y_stride), v[i]);
  }

  // At least kSide rows and columns, few enough for the level-1 cache. `along_rows`: all that is to be done with some rows of x
  // before the next, else all with some rows of y.
  static OCTENSOR_NOINLINE void Tile(const uint8_t* x, ptrdiff_t x_stride, uint8_t* y, ptrdiff_t y_stride, size_t rows,
                                     size_t columns, bool along_rows) {
    const auto block = [&](size_t i, size_t j) {
      Block(x + Offset(i, x_stride) + j * kBytes, x_stride, y + Offset(j, y_stride) + i * kBytes, y_stride);
    };
    if constexpr (Ops::kHasWide) {
      const auto wide_block = [&](size_t i, size_t j) {
        WideBlock(x + Offset(i, x_stride) + j * kBytes, x_stride, y + Offset(j, y_stride) + i * kBytes, y_stride);
      };
      if (rows >= 2 * kSide) return ForBlockPairs(rows, 2 * kSide, columns, along_rows, wide_block);
    }
    ForBlockPairs(rows, kSide, columns, along_rows, block);
  }

  template <class Body>
  static OCTENSOR_INLINE void ForBlockPairs(size_t rows, size_t height, size_t columns, bool along_rows, const Body& body) {
    if (along_rows) {
      ForBlocks(rows, height, [&](size_t i) { ForBlocks(columns, kSide, [&](size_t j) { body(i, j); }); });
    } else {
      ForBlocks(columns, kSide, [&](size_t j) { ForBlocks(rows, height, [&](size_t i) { body(i, j); }); });
    }
  }

  // The same through copies whose lines have sets of their own, so that a line of x is read once and one of y written once.
  static OCTENSOR_NOINLINE void CopiedTile(const uint8_t* x, ptrdiff_t x_stride, uint8_t* y, ptrdiff_t y_stride, size_t rows,
                                           size_t columns) {
    uint8_t from[kTile * kLineBytes], to[kTile * kLineBytes];
    for (size_t i = 0; i < rows; ++i) CopyLine(x + Offset(i, x_stride), from + i * kLineBytes, columns * kBytes);
    Tile(from, kLineBytes, to, kLineBytes, rows, columns, true);
    for (size_t j = 0; j < columns; ++j) CopyLine(to + j * kLineBytes, y + Offset(j, y_stride), rows * kBytes);
  }

  static OCTENSOR_INLINE void CopyLine(const uint8_t* from, uint8_t* to, size_t bytes) {
    ForBlocks(bytes, kVectorBytes, [&](size_t i) { Ops::Store(to + i, Ops::Load(from + i)); });
  }

  // At least kSide rows and columns.
  static OCTENSOR_INLINE void Tiles(const uint8_t* x, ptrdiff_t x_stride, uint8_t* y, ptrdiff_t y_stride, size_t rows,
                                    size_t columns) {
    const bool is_copied =
        kMayCopy && ((x_stride % kAliasing == 0 && rows > kSide) || (y_stride % kAliasing == 0 && columns > kSide));
    // The side whose lines share sets, if either, gets few at a time: the one with the larger power of two in its stride.
    const bool along_rows = (x_stride & -x_stride) >= (y_stride & -y_stride);
    ForTiles(columns, [&](size_t j, size_t width) {
      ForTiles(rows, [&](size_t i, size_t height) {
        const uint8_t* from = x + Offset(i, x_stride) + j * kBytes;
        uint8_t* to = y + Offset(j, y_stride) + i * kBytes;
        if (is_copied) {
          CopiedTile(from, x_stride, to, y_stride, height, width);
        } else {
          Tile(from, x_stride, to, y_stride, height, width, along_rows);
        }
      });
    });
  }

  // Calls body(first, count) for tiles that cover [0, size), size >= kSide; the last may begin early to have kSide.
  template <class Body>
  static OCTENSOR_INLINE void ForTiles(size_t size, const Body& body) {
    for (size_t i = 0; i < size; i += kTile) {
      const size_t count = size - i < kTile ? size - i : kTile;
      if (count >= kSide) {
        body(i, count);
      } else {
        body(size - kSide, kSide);
      }
    }
  }

  // kRows rows, fewer than a vector has elements; at least kSide columns.
  template <size_t kRows>
  static OCTENSOR_INLINE void Rows(const uint8_t* x, ptrdiff_t x_stride, uint8_t* y, ptrdiff_t y_stride, size_t columns) {
    constexpr size_t kPiece = kRows * kBytes;
    const bool is_dense = y_stride == static_cast<ptrdiff_t>(kPiece);
    ForBlocks(columns, kSide, [&](size_t j) {
      Vector v[kRows];
      OCTENSOR_UNROLL
      for (size_t i = 0; i < kRows; ++i) v[i] = Ops::Load(x + Offset(i, x_stride) + j * kBytes);
      ShuffleRows<Ops, kBytes, kRows, kRows>(v);
      uint8_t* to = y + Offset(j, y_stride);
      OCTENSOR_UNROLL
      for (size_t i = 0; i < kRows; ++i) {
        if (is_dense) {
          Ops::Store(to + i * kVectorBytes, v[i]);
        } else {
          StorePieces<Ops, kPiece>(to + Offset(i * kSide / kRows, y_stride), y_stride, v[i]);
        }
      }
    });
  }

  // The other way round: at least kSide rows of kColumns.
  template <size_t kColumns>
  static OCTENSOR_INLINE void Columns(const uint8_t* x, ptrdiff_t x_stride, uint8_t* y, ptrdiff_t y_stride, size_t rows) {
    constexpr size_t kPiece = kColumns * kBytes;
    const bool is_dense = x_stride == static_cast<ptrdiff_t>(kPiece);
    ForBlocks(rows, kSide, [&](size_t i) {
      const uint8_t* from = x + Offset(i, x_stride);
      Vector v[kColumns];
      OCTENSOR_UNROLL
      for (size_t j = 0; j < kColumns; ++j) {
        v[j] = is_dense ? Ops::Load(from + j * kVectorBytes)
                        : LoadPieces<Ops, kPiece>(from + Offset(j * kSide / kColumns, x_stride), x_stride);
      }
      ShuffleRows<Ops, kBytes, kColumns, kSide>(v);
      OCTENSOR_UNROLL
      for (size_t j = 0; j < kColumns; ++j) Ops::Store(y + Offset(j, y_stride) + i * kBytes, v[j]);
    });
  }

  // [3, columns] to dense [columns, 3]; at least kSide columns.
  static OCTENSOR_INLINE void ThreeRows(const uint8_t* x, ptrdiff_t x_stride, uint8_t* y, size_t columns) {
    static constexpr ThreeIndexes<kBytes, 3, kSide> kIndexes;
    const typename Ops::Table table = Ops::MakeTable(kIndexes.at);
    ForBlocks(columns, kSide, [&](size_t j) {
      Vector v[3];
      for (size_t i = 0; i < 3; ++i) v[i] = Ops::Load(x + Offset(i, x_stride) + j * kBytes);
      Ops::Permute(table, v);
      for (size_t i = 0; i < 3; ++i) Ops::Store(y + 3 * j * kBytes + i * kVectorBytes, v[i]);
    });
  }

  // Dense [rows, 3] to [3, rows]; at least kSide rows.
  static OCTENSOR_INLINE void ThreeColumns(const uint8_t* x, uint8_t* y, ptrdiff_t y_stride, size_t rows) {
    static constexpr ThreeIndexes<kBytes, kSide, 3> kIndexes;
    const typename Ops::Table table = Ops::MakeTable(kIndexes.at);
    ForBlocks(rows, kSide, [&](size_t i) {
      Vector v[3];
      for (size_t j = 0; j < 3; ++j) v[j] = Ops::Load(x + 3 * i * kBytes + j * kVectorBytes);
      Ops::Permute(table, v);
      for (size_t j = 0; j < 3; ++j) Ops::Store(y + Offset(j, y_stride) + i * kBytes, v[j]);
    });
  }

  // Fewer rows than kSide, in runs of a power of two; at least kSide columns. Called with kRows = kSide / 2.
  template <size_t kRows>
  static OCTENSOR_INLINE void FewRows(const uint8_t* x, ptrdiff_t x_stride, uint8_t* y, ptrdiff_t y_stride, size_t rows,
                                      size_t columns) {
    if constexpr (kRows > 1) {
      if (rows < kRows) return FewRows<kRows / 2>(x, x_stride, y, y_stride, rows, columns);
      ForBlocks(rows, kRows,
                [&](size_t i) { Rows<kRows>(x + Offset(i, x_stride), x_stride, y + i * kBytes, y_stride, columns); });
    } else {
      TransposeElements<kBytes>(x, x_stride, y, y_stride, rows, columns);
    }
  }

  template <size_t kColumns>
  static OCTENSOR_INLINE void FewColumns(const uint8_t* x, ptrdiff_t x_stride, uint8_t* y, ptrdiff_t y_stride, size_t rows,
                                         size_t columns) {
    if constexpr (kColumns > 1) {
      if (columns < kColumns) return FewColumns<kColumns / 2>(x, x_stride, y, y_stride, rows, columns);
      ForBlocks(columns, kColumns,
                [&](size_t j) { Columns<kColumns>(x + j * kBytes, x_stride, y + Offset(j, y_stride), y_stride, rows); });
    } else {
      TransposeElements<kBytes>(x, x_stride, y, y_stride, rows, columns);
    }
  }

  static void Run(const uint8_t* x, ptrdiff_t x_stride, uint8_t* y, ptrdiff_t y_stride, size_t rows, size_t columns) {
    constexpr ptrdiff_t kThree = 3 * kBytes;
    if (rows < kSide && columns < kSide) return TransposeElements<kBytes>(x, x_stride, y, y_stride, rows, columns);
    if (rows == 3 && columns >= kSide && y_stride == kThree) return ThreeRows(x, x_stride, y, columns);
    if (columns == 3 && rows >= kSide && x_stride == kThree) return ThreeColumns(x, y, y_stride, rows);
    if (rows < kSide) return FewRows<kSide / 2>(x, x_stride, y, y_stride, rows, columns);
    if (columns < kSide) return FewColumns<kSide / 2>(x, x_stride, y, y_stride, rows, columns);
    Tiles(x, x_stride, y, y_stride, rows, columns);
  }
};

}  // namespace
}  // namespace octensor

#endif  // OCTENSOR_KERNELS_TRANSPOSE_BLOCKS_H_
