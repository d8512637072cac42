// Minimal filtering (Winograd; Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016) of dense convolutions of stride 1: tiles of
// results and their transforms. Rows and columns go by F(2, 3), whose transforms add and halve only. Planes go by F(2, 3), by F(4, 3), or each on its own;
// the points of F(4, 3), 0, ±3/4, ±3/2 and ∞, lose least in rounding of those whose constants are exact.

/** Points of a tile along an axis, by its results: with one, the taps of that axis stay apart. */
constexpr int axisPoints(int results) { return results == 1 ? 1 : results + 2; }
/** Points of a tile of depth × rows × 2 results. */
constexpr int tilePoints(int depth, int rows) { return axisPoints(depth) * axisPoints(rows) * 4; }

/** How a volume falls into bands of layers × rows × columns of tiles. Nothing here depends on the number of threads. */
struct Tiling {
  int tileLayers, tileRows, tileColumns;
  int layerBands, rowBands, columnBands;
  /** Of the largest band. */
  int layers, rows, columns;
  int bands() const { return layerBands * rowBands * columnBands; }
  int tiles() const { return rows * columns; }
};

inline int piece(int count, int pieces, int index) { return static_cast<int>(static_cast<int64_t>(count) * index / pieces); }

/** Tiles of depth × rows × 2 results; a band has at most `tilesPerBand` of them, a layer of it at most `tilesPerLayer`. */
inline Tiling tilingOf(const Activations& y, int depth, int rows, int tilesPerBand, int tilesPerLayer) {
  Tiling t{static_cast<int>(ceilDivide(y.d, depth)), static_cast<int>(ceilDivide(y.h, rows)), static_cast<int>(ceilDivide(y.w, 2))};
  const auto divide = [](int count, int most, int& pieces, int& largest) {
    pieces = static_cast<int>(ceilDivide(count, larger(1, most)));
    largest = static_cast<int>(ceilDivide(count, pieces));
  };
  divide(t.tileColumns, tilesPerLayer, t.columnBands, t.columns);
  divide(t.tileRows, tilesPerLayer / t.columns, t.rowBands, t.rows);
  divide(t.tileLayers, tilesPerBand / t.tiles(), t.layerBands, t.layers);
  return t;
}

struct Band {
  int firstLayer, layers, firstRow, rows, firstColumn, columns;
  int tiles() const { return rows * columns; }
};

inline Band bandOf(const Tiling& t, int index) {
  const int column = index % t.columnBands, row = index / t.columnBands % t.rowBands, layer = index / t.columnBands / t.rowBands;
  Band b;
  b.firstLayer = piece(t.tileLayers, t.layerBands, layer);
  b.layers = piece(t.tileLayers, t.layerBands, layer + 1) - b.firstLayer;
  b.firstRow = piece(t.tileRows, t.rowBands, row);
  b.rows = piece(t.tileRows, t.rowBands, row + 1) - b.firstRow;
  b.firstColumn = piece(t.tileColumns, t.columnBands, column);
  b.columns = piece(t.tileColumns, t.columnBands, column + 1) - b.firstColumn;
  return b;
}

/** Transformed values of a band: [point][block][layer][tile][BLOCK]. Points lie one cache line off a round distance, so that they share no cache set. */
struct Transformed {
  float* data;
  int blocks, layers, tiles;
  LOGONET_INLINE int64_t block() const { return static_cast<int64_t>(layers) * tiles * BLOCK; }
  LOGONET_INLINE int64_t point() const { return blocks * block() + 16; }
  LOGONET_INLINE float* at(int blockIndex, int layer) const { return data + blockIndex * block() + static_cast<int64_t>(layer) * tiles * BLOCK; }
};

inline int64_t transformedFloats(int64_t blocks, int64_t layers, int64_t tiles) { return blocks * layers * tiles * BLOCK + 16; }

/** Fills a band's transformed values of one sample; layer l begins at plane `depth`·l + shift. */
template <class F>
inline void transformBand(const Activations& a, int64_t sample, int firstBlock, const Band& band, int depth, int shift, const Transformed& to, const F& transform) {
  for (int b = 0; b < to.blocks; b++)
    for (int l = 0; l < to.layers; l++) transform(a, a.block(sample, firstBlock + b), (band.firstLayer + l) * depth + shift, band, to.at(b, l), to.point());
}

/** The squares of F(4, 3)'s points ±3/4 and ±3/2, and how they come together. */
constexpr float nearPoint = 0.75f, farPoint = 1.5f, nearSquare = nearPoint * nearPoint, farSquare = farPoint * farPoint, squareProduct = nearSquare * farSquare, squareSum = nearSquare + farSquare;

LOGONET_INLINE void transformInput4(const Vec* a, Vec* out) {
  out[0] = a[0] - a[2];
  out[1] = a[1] + a[2];
  out[2] = a[2] - a[1];
  out[3] = a[1] - a[3];
}

/** Bᵀ along an axis. */
template <int Results>
LOGONET_INLINE void transformInputAxis(const Vec* a, Vec* out) {
  if constexpr (Results == 1) {
    out[0] = a[0];
  } else if constexpr (Results == 2) {
    transformInput4(a, out);
  } else {
    const Vec nearEven = a[4] - farSquare * a[2], nearOdd = nearPoint * (a[3] - farSquare * a[1]);
    const Vec farEven = a[4] - nearSquare * a[2], farOdd = farPoint * (a[3] - nearSquare * a[1]);
    out[0] = squareProduct * a[0] + (a[4] - squareSum * a[2]);
    out[1] = nearEven + nearOdd;
    out[2] = nearEven - nearOdd;
    out[3] = farEven + farOdd;
    out[4] = farEven - farOdd;
    out[5] = squareProduct * a[1] + (a[5] - squareSum * a[3]);
  }
}

/** Bᵀ·x·B along three axes of a row of tiles (from plane firstPlane, row Rows·tile−1, column 2·tile−1) of a block of channels; outside the volume x is zero. */
template <int Depth, int Rows>
inline void transformInput(const Activations& x, const float* block, int firstPlane, const Band& band, float* to, int64_t point) {
  constexpr int planes = axisPoints(Depth), lines = axisPoints(Rows);
  const int height = static_cast<int>(x.h), width = static_cast<int>(x.w);
  for (int r = 0; r < band.rows; r++) {
    const int top = Rows * (band.firstRow + r) - 1;
    const float* rows[planes][lines];
    bool whole = true;
    for (int p = 0; p < planes; p++)
      for (int i = 0; i < lines; i++) {
        const int64_t plane = firstPlane + p, row = top + i;
        const bool inside = plane >= 0 && plane < x.d && row >= 0 && row < height;
        rows[p][i] = inside ? block + (plane * height + row) * width * BLOCK : nullptr;
        whole = whole && inside;
      }
    // One column of values, through planes and rows.
    const auto column = [&](int at, Vec (*out)[lines]) LOGONET_LAMBDA {
      const bool inside = at >= 0 && at < width;
      Vec deep[planes][lines];
      unroll<lines>([&](auto i) LOGONET_LAMBDA {
        Vec values[planes] = {}, through[planes];
        if (inside && whole) {
          unroll<planes>([&](auto p) LOGONET_LAMBDA { values[p] = load(rows[p][i] + static_cast<int64_t>(at) * BLOCK); });
        } else if (inside) {
          unroll<planes>([&](auto p) LOGONET_LAMBDA { if (rows[p][i]) values[p] = load(rows[p][i] + static_cast<int64_t>(at) * BLOCK); });
        }
        transformInputAxis<Depth>(values, through);
        unroll<planes>([&](auto p) LOGONET_LAMBDA { deep[p][i] = through[p]; });
      });
      unroll<planes>([&](auto p) LOGONET_LAMBDA { transformInputAxis<Rows>(deep[p], out[p]); });
    };
    const int left = 2 * band.firstColumn - 1;
    Vec even[2][planes][lines], odd[2][planes][lines];
    const auto tile = [&](int c, Vec (*here)[planes][lines], Vec (*next)[planes][lines]) LOGONET_LAMBDA {
      column(left + 2 * c + 2, next[0]);
      column(left + 2 * c + 3, next[1]);
      float* at = to + c * BLOCK;
      unroll<planes>([&](auto p) LOGONET_LAMBDA {
        unroll<lines>([&](auto i) LOGONET_LAMBDA {
          const Vec line[4] = {here[0][p][i], here[1][p][i], next[0][p][i], next[1][p][i]};
          Vec out[4];
          transformInput4(line, out);
          unroll<4>([&](auto j) LOGONET_LAMBDA { store(at + ((p * lines + i) * 4 + j) * point, out[j]); });
        });
      });
    };
    column(left, even[0]);
    column(left + 1, even[1]);
    for (int c = 0; c < band.columns; c += 2) {
      tile(c, even, odd);
      if (c + 1 < band.columns) tile(c + 1, odd, even);
    }
    to += band.columns * BLOCK;
  }
}

/** G along an axis: of one tap, or three. */
template <int Results>
LOGONET_INLINE void transformWeightAxis(const Vec* w, Vec* out) {
  if constexpr (Results == 1) {
    out[0] = w[0];
  } else if constexpr (Results == 2) {
    out[0] = w[0];
    out[1] = 0.5f * ((w[0] + w[2]) + w[1]);
    out[2] = 0.5f * ((w[0] + w[2]) - w[1]);
    out[3] = w[2];
  } else {
    constexpr float scale = 1 / (2 * nearSquare * farSquare * (farSquare - nearSquare));
    const Vec nearEven = -scale * farSquare * (w[0] + nearSquare * w[2]), nearOdd = -scale * farSquare * nearPoint * w[1];
    const Vec farEven = scale * nearSquare * (w[0] + farSquare * w[2]), farOdd = scale * nearSquare * farPoint * w[1];
    out[0] = w[0] * (1 / squareProduct);
    out[1] = nearEven + nearOdd;
    out[2] = nearEven - nearOdd;
    out[3] = farEven + farOdd;
    out[4] = farEven - farOdd;
    out[5] = w[2];
  }
}

/**
 * G·w·Gᵀ of three axes, or of every plane of taps on its own: [instance][block of results][9·planeTaps][channels][BLOCK] →
 * [instance][point][block][planes on their own][channels][BLOCK]. `mirrored` turns the taps round, as the input gradient needs them.
 */
template <int Depth, int Rows>
inline void transformWeights(Context& context, const float* w, int64_t instances, int64_t blocks, int64_t channels, int planeTaps, bool mirrored, float* to) {
  constexpr int planes = axisPoints(Depth), lines = axisPoints(Rows), joined = Depth == 1 ? 1 : 3;
  const int apart = planeTaps / joined;
  const int64_t point = transformedFloats(blocks, apart, channels);
  parallelFor(context, instances * blocks * apart, channels * BLOCK * 64 * planes, [&](int64_t item) {
    const int64_t kd = item % apart, block = item / apart % blocks, instance = item / apart / blocks;
    const float* from = w + (instance * blocks + block) * 9 * planeTaps * channels * BLOCK;
    float* result = to + instance * tilePoints(Depth, Rows) * point + (block * apart + kd) * channels * BLOCK;
    for (int64_t c = 0; c < channels; c++) {
      Vec half[planes][3][lines];
      unroll<3>([&](auto v) LOGONET_LAMBDA {
        Vec deep[planes][3];
        unroll<3>([&](auto h) LOGONET_LAMBDA {
          Vec taps[joined], through[planes];
          unroll<joined>([&](auto d) LOGONET_LAMBDA {
            const int64_t index = ((kd + d) * 3 + h) * 3 + v;
            taps[d] = load(from + ((mirrored ? 9 * planeTaps - 1 - index : index) * channels + c) * BLOCK);
          });
          transformWeightAxis<Depth>(taps, through);
          unroll<planes>([&](auto p) LOGONET_LAMBDA { deep[p][h] = through[p]; });
        });
        unroll<planes>([&](auto p) LOGONET_LAMBDA { transformWeightAxis<Rows>(deep[p], half[p][v]); });
      });
      unroll<planes>([&](auto p) LOGONET_LAMBDA {
        unroll<lines>([&](auto i) LOGONET_LAMBDA {
          Vec out[4];
          const Vec taps[3] = {half[p][0][i], half[p][1][i], half[p][2][i]};
          transformWeightAxis<2>(taps, out);
          unroll<4>([&](auto j) LOGONET_LAMBDA { store(result + ((p * lines + i) * 4 + j) * point + c * BLOCK, out[j]); });
        });
      });
    }
  });
}

/** Aᵀ along an axis. */
template <int Results>
LOGONET_INLINE void transformResultAxis(const Vec* m, Vec* out) {
  if constexpr (Results == 1) {
    out[0] = m[0];
  } else if constexpr (Results == 2) {
    out[0] = (m[0] + m[1]) + m[2];
    out[1] = (m[1] - m[2]) - m[3];
  } else {
    const Vec nearSum = m[1] + m[2], nearDifference = nearPoint * (m[1] - m[2]), farSum = m[3] + m[4], farDifference = farPoint * (m[3] - m[4]);
    out[0] = m[0] + (nearSum + farSum);
    out[1] = nearDifference + farDifference;
    out[2] = nearSquare * nearSum + farSquare * farSum;
    out[3] = (nearSquare * nearDifference + farSquare * farDifference) + m[5];
  }
}

/** Aᵀ·m·A along three axes of every tile, plus bias, through the activation, into the results that lie in the volume. `from`: [layer][tile][BLOCK] at each point. */
template <Activation A, int Depth, int Rows>
inline void transformResults(const float* from, int64_t point, const Band& band, Vec bias, const Activations& y, float* block) {
  constexpr int planes = axisPoints(Depth), lines = axisPoints(Rows);
  for (int l = 0; l < band.layers; l++)
    for (int r = 0; r < band.rows; r++)
      for (int c = 0; c < band.columns; c++, from += BLOCK) {
        Vec flat[Rows][2][planes];
        unroll<planes>([&](auto p) LOGONET_LAMBDA {
          Vec across[4][Rows];
          unroll<4>([&](auto j) LOGONET_LAMBDA {
            Vec m[lines];
            unroll<lines>([&](auto i) LOGONET_LAMBDA { m[i] = load(from + ((p * lines + i) * 4 + j) * point); });
            transformResultAxis<Rows>(m, across[j]);
          });
          unroll<Rows>([&](auto i) LOGONET_LAMBDA {
            const Vec line[4] = {across[0][i], across[1][i], across[2][i], across[3][i]};
            Vec out[2];
            transformResultAxis<2>(line, out);
            flat[i][0][p] = out[0];
            flat[i][1][p] = out[1];
          });
        });
        const int64_t plane = static_cast<int64_t>(band.firstLayer + l) * Depth, row = static_cast<int64_t>(band.firstRow + r) * Rows, column = 2 * (band.firstColumn + c);
        float* to = block + ((plane * y.h + row) * y.w + column) * BLOCK;
        unroll<Rows>([&](auto i) LOGONET_LAMBDA {
          unroll<2>([&](auto j) LOGONET_LAMBDA {
            if (row + i >= y.h || column + j >= y.w) return;
            Vec out[Depth];
            transformResultAxis<Depth>(flat[i][j], out);
            unroll<Depth>([&](auto p) LOGONET_LAMBDA {
              if (plane + p < y.d) store(to + ((p * y.h + i) * y.w + j) * BLOCK, activate<A>(out[p] + bias));
            });
          });
        });
      }
}
