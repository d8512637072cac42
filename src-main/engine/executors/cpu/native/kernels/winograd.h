// Dense 3³ (and 1×3×3) convolution of stride 1 by minimal filtering F(2×2, 3×3) over rows and columns (Lavin and Gray, "Fast Algorithms for Convolutional
// Neural Networks", 2016); the three planes of taps are summed among the transformed values. A tile of 2×2 results takes 16 products
// per plane of taps and input channel instead of 36. The transforms add and halve only, so that little is lost in rounding.

constexpr int points = 16;
/** Results (tiles) of one item that share the transformed weights: enough to pay for reading them. */
constexpr int tilesPerItem = 64, tilesPerPlane = 16;

/** How a volume falls into bands of planes × rows × columns of tiles. Nothing here depends on the number of threads. */
struct Tiling {
  int d, h, w;
  int tileRows, tileColumns;
  int planeBands, rowBands, columnBands;
  /** Of the largest band. */
  int planes, rows, columns;
  int bands() const { return planeBands * rowBands * columnBands; }
  int tiles() const { return rows * columns; }
};

inline int piece(int count, int pieces, int index) { return static_cast<int>(static_cast<int64_t>(count) * index / pieces); }

inline Tiling tilingOf(int64_t d, int64_t h, int64_t w) {
  Tiling t{static_cast<int>(d), static_cast<int>(h), static_cast<int>(w)};
  t.tileRows = (t.h + 1) / 2;
  t.tileColumns = (t.w + 1) / 2;
  const auto divide = [](int count, int most, int& pieces, int& largest) {
    pieces = static_cast<int>(ceilDivide(count, larger(1, most)));
    largest = static_cast<int>(ceilDivide(count, pieces));
  };
  divide(t.tileColumns, tilesPerPlane, t.columnBands, t.columns);
  divide(t.tileRows, tilesPerPlane / t.columns, t.rowBands, t.rows);
  divide(t.d, tilesPerItem / t.tiles(), t.planeBands, t.planes);
  return t;
}

struct Band {
  int firstPlane, planes, firstRow, rows, firstColumn, columns;
  int tiles() const { return rows * columns; }
};

inline Band bandOf(const Tiling& t, int index) {
  const int column = index % t.columnBands, row = index / t.columnBands % t.rowBands, plane = index / t.columnBands / t.rowBands;
  Band b;
  b.firstPlane = piece(t.d, t.planeBands, plane);
  b.planes = piece(t.d, t.planeBands, plane + 1) - b.firstPlane;
  b.firstRow = piece(t.tileRows, t.rowBands, row);
  b.rows = piece(t.tileRows, t.rowBands, row + 1) - b.firstRow;
  b.firstColumn = piece(t.tileColumns, t.columnBands, column);
  b.columns = piece(t.tileColumns, t.columnBands, column + 1) - b.firstColumn;
  return b;
}

/** Transformed values of a band: [point][block][plane][tile][BLOCK]. Points lie one cache line off a round distance, so that they share no cache set. */
struct Transformed {
  float* data;
  int blocks, planes, tiles;
  LOGONET_INLINE int64_t block() const { return static_cast<int64_t>(planes) * tiles * BLOCK; }
  LOGONET_INLINE int64_t point() const { return blocks * block() + 16; }
  LOGONET_INLINE float* at(int blockIndex, int plane) const { return data + blockIndex * block() + static_cast<int64_t>(plane) * tiles * BLOCK; }
};

inline int64_t transformedFloats(int64_t blocks, int64_t planes, int64_t tiles) { return points * (blocks * planes * tiles * BLOCK + 16); }

LOGONET_INLINE void transformInput4(const Vec* a, Vec* out) {
  out[0] = a[0] - a[2];
  out[1] = a[1] + a[2];
  out[2] = a[2] - a[1];
  out[3] = a[1] - a[3];
}

/** Bᵀ·x·B of every tile (4×4 voxels from row 2·tile−1, column 2·tile−1) of one plane of a block of channels; outside the volume x is zero. */
inline void transformInput(const Activations& x, const float* plane, const Band& band, float* to, int64_t point) {
  const int height = static_cast<int>(x.h), width = static_cast<int>(x.w);
  for (int r = 0; r < band.rows; r++) {
    const int top = 2 * (band.firstRow + r) - 1;
    const float* rows[4];
    for (int i = 0; i < 4; i++) rows[i] = top + i >= 0 && top + i < height ? plane + static_cast<int64_t>(top + i) * width * BLOCK : nullptr;
    const bool whole = rows[0] && rows[3];
    const auto column = [&](int at, Vec* out) LOGONET_LAMBDA {
      Vec values[4] = {};
      if (at >= 0 && at < width) {
        if (whole) {
          unroll<4>([&](auto i) LOGONET_LAMBDA { values[i] = load(rows[i] + static_cast<int64_t>(at) * BLOCK); });
        } else {
          unroll<4>([&](auto i) LOGONET_LAMBDA { if (rows[i]) values[i] = load(rows[i] + static_cast<int64_t>(at) * BLOCK); });
        }
      }
      transformInput4(values, out);
    };
    const int left = 2 * band.firstColumn - 1;
    Vec columns[4][4];
    column(left, columns[0]);
    column(left + 1, columns[1]);
    for (int c = 0; c < band.columns; c++, to += BLOCK) {
      column(left + 2 * c + 2, columns[2]);
      column(left + 2 * c + 3, columns[3]);
      unroll<4>([&](auto i) LOGONET_LAMBDA {
        const Vec line[4] = {columns[0][i], columns[1][i], columns[2][i], columns[3][i]};
        Vec out[4];
        transformInput4(line, out);
        unroll<4>([&](auto j) LOGONET_LAMBDA { store(to + (i * 4 + j) * point, out[j]); });
        columns[0][i] = columns[2][i];
        columns[1][i] = columns[3][i];
      });
    }
  }
}

LOGONET_INLINE void transformGradient2(Vec a, Vec b, Vec* out) {
  out[0] = a;
  out[1] = a + b;
  out[2] = a - b;
  out[3] = -b;
}

/** A·dy·Aᵀ of every tile of 2×2 results of one plane; results outside the volume are zero. */
inline void transformGradient(const Activations& dy, const float* plane, const Band& band, float* to, int64_t point) {
  for (int r = 0; r < band.rows; r++)
    for (int c = 0; c < band.columns; c++, to += BLOCK) {
      const int64_t row = 2 * (band.firstRow + r), column = 2 * (band.firstColumn + c);
      const float* from = plane + (row * dy.w + column) * BLOCK;
      const bool right = column + 1 < dy.w, below = row + 1 < dy.h;
      Vec upper[4], lower[4];
      transformGradient2(load(from), right ? load(from + BLOCK) : Vec{}, upper);
      if (below)
        transformGradient2(load(from + dy.w * BLOCK), right ? load(from + (dy.w + 1) * BLOCK) : Vec{}, lower);
      else
        unroll<4>([&](auto j) LOGONET_LAMBDA { lower[j] = Vec{}; });
      unroll<4>([&](auto j) LOGONET_LAMBDA {
        Vec out[4];
        transformGradient2(upper[j], lower[j], out);
        unroll<4>([&](auto i) LOGONET_LAMBDA { store(to + (i * 4 + j) * point, out[i]); });
      });
    }
}

/** Fills the planes [firstPlane + shift, +planes) of a band's transformed values of one sample; planes outside the volume are zero. */
template <class F>
inline void transformBand(const Activations& a, int64_t sample, int firstBlock, const Band& band, int shift, const Transformed& to, const F& transform) {
  for (int b = 0; b < to.blocks; b++)
    for (int p = 0; p < to.planes; p++) {
      const int plane = band.firstPlane + p + shift;
      float* at = to.at(b, p);
      if (plane >= 0 && plane < a.d)
        transform(a, a.block(sample, firstBlock + b) + plane * a.h * a.w * BLOCK, band, at, to.point());
      else
        for (int q = 0; q < points; q++)
          for (int i = 0; i < to.tiles; i++) store(at + q * to.point() + i * BLOCK, Vec{});
    }
}

LOGONET_INLINE void transformWeights3(Vec a, Vec b, Vec c, Vec* out) {
  out[0] = a;
  out[1] = 0.5f * ((a + c) + b);
  out[2] = 0.5f * ((a + c) - b);
  out[3] = c;
}

/**
 * G·w·Gᵀ of every plane of taps (one or three): [instance][block of results][9·planes][channels][BLOCK] →
 * [instance][point][block][planes][channels][BLOCK].
 * `mirrored` turns the taps round, as the input gradient needs them.
 */
inline void transformWeights(Context& context, const float* w, int64_t instances, int64_t blocks, int64_t channels, int planeTaps, bool mirrored, float* to) {
  const int64_t point = blocks * planeTaps * channels * BLOCK;
  parallelFor(context, instances * blocks * planeTaps, channels * BLOCK * 64, [&](int64_t item) {
    const int64_t kd = item % planeTaps, block = item / planeTaps % blocks, instance = item / planeTaps / blocks;
    const float* from = w + (instance * blocks + block) * 9 * planeTaps * channels * BLOCK;
    float* result = to + instance * points * point + (block * planeTaps + kd) * channels * BLOCK;
    for (int64_t c = 0; c < channels; c++) {
      const auto tap = [&](int h, int v) LOGONET_LAMBDA {
        const int64_t index = (kd * 3 + h) * 3 + v;
        return load(from + ((mirrored ? 9 * planeTaps - 1 - index : index) * channels + c) * BLOCK);
      };
      Vec half[3][4];
      unroll<3>([&](auto v) LOGONET_LAMBDA { transformWeights3(tap(0, v), tap(1, v), tap(2, v), half[v]); });
      unroll<4>([&](auto i) LOGONET_LAMBDA {
        Vec out[4];
        transformWeights3(half[0][i], half[1][i], half[2][i], out);
        unroll<4>([&](auto j) LOGONET_LAMBDA { store(result + (i * 4 + j) * point + c * BLOCK, out[j]); });
      });
    }
  });
}

/** Aᵀ·m·A of every tile, plus bias, through the activation, into the results that lie in the volume. `from`: [plane][tile][BLOCK] at each point. */
template <Activation A>
inline void transformResults(const float* from, int64_t point, const Band& band, Vec bias, const Activations& y, float* block) {
  for (int p = 0; p < band.planes; p++)
    for (int r = 0; r < band.rows; r++)
      for (int c = 0; c < band.columns; c++, from += BLOCK) {
        Vec upper[4], lower[4];
        unroll<4>([&](auto j) LOGONET_LAMBDA {
          const Vec a = load(from + j * point), b = load(from + (4 + j) * point), e = load(from + (8 + j) * point), f = load(from + (12 + j) * point);
          upper[j] = (a + b) + e;
          lower[j] = (b - e) - f;
        });
        const int64_t row = 2 * (band.firstRow + r), column = 2 * (band.firstColumn + c);
        float* to = block + (((band.firstPlane + p) * y.h + row) * y.w + column) * BLOCK;
        const bool right = column + 1 < y.w;
        const auto write = [&](float* at, const Vec* m) LOGONET_LAMBDA {
          store(at, activate<A>(((m[0] + m[1]) + m[2]) + bias));
          if (right) store(at + BLOCK, activate<A>(((m[1] - m[2]) - m[3]) + bias));
        };
        write(to, upper);
        if (row + 1 < y.h) write(to + y.w * BLOCK, lower);
      }
}

/** Whether this way is quicker: sides that 2×2 tiles fill well, and channels enough to pay for the transforms. */
inline bool suitsWinograd(const Box& box, int64_t channels, const Activations& y) {
  const bool depth = (box.kernel[0] == 3 && box.padding[0] == 1) || (box.kernel[0] == 1 && box.padding[0] == 0);
  const bool plane = box.kernel[1] == 3 && box.kernel[2] == 3 && box.padding[1] == 1 && box.padding[2] == 1;
  return depth && plane && box.unstrided() && channels >= 8 && y.h >= 4 && y.w >= 4;
}

struct WinogradConvolution {
  Activations x, y;
  int64_t batch;
  const float* w;
  /** Planes of taps along depth: 3, or 1. */
  int planeTaps;
  bool mirrored;
  /** (instances, channels of y); may be null. */
  const float* bias;
  int activation;
  /** Channels whose products one call sums before they join the rest: few for results that pass an activation's kink, where a wrong sign changes gradients. */
  int channelsPerCall;
};

/** y = x ∗ w for one band, for blocks [firstBlock, endBlock) of y. */
inline void winogradBand(const WinogradConvolution& job, const float* weights, const Tiling& tiling, int64_t sample, int bandIndex, int firstBlock, int endBlock, int tileBlocks, float* work) {
  const Band band = bandOf(tiling, bandIndex);
  const int channels = static_cast<int>(job.x.c), results = band.planes * band.tiles();
  const Transformed x{work, static_cast<int>(job.x.blocks), band.planes + job.planeTaps - 1, band.tiles()};
  transformBand(job.x, sample, 0, band, -(job.planeTaps / 2), x, transformInput);
  const int64_t instance = sample / job.batch, weightBlock = static_cast<int64_t>(job.planeTaps) * channels * BLOCK, weightPoint = job.y.blocks * weightBlock;
  const Transformed y{work + points * x.point(), tileBlocks, band.planes, band.tiles()};
  const float zero[maximumTileBlocks * BLOCK] = {};
  const int64_t xOffsets[3] = {0, band.tiles() * BLOCK, 2 * band.tiles() * BLOCK};
  for (int first = firstBlock; first < endBlock; first += tileBlocks) {
    const int blocks = static_cast<int>(smaller(tileBlocks, endBlock - first)), pieces = static_cast<int>(ceilDivide(results, tileVoxels(blocks)));
    Tile tile{};
    tile.xVoxel = BLOCK;
    tile.xBlock = x.block();
    tile.xOffsets = xOffsets;
    tile.wBlock = weightBlock;
    tile.segments = job.planeTaps;
    tile.yVoxel = BLOCK;
    tile.yBlock = y.block();
    for (int q = 0; q < points; q++)
      for (int c0 = 0; c0 < channels; c0 += job.channelsPerCall) {
        tile.channels = static_cast<int>(smaller(job.channelsPerCall, channels - c0));
        tile.initial = c0 == 0 ? zero : nullptr;
        tile.w = weights + instance * points * weightPoint + q * weightPoint + first * weightBlock;
        const int64_t wOffsets[3] = {c0 * BLOCK, (channels + c0) * BLOCK, (2LL * channels + c0) * BLOCK};
        tile.wOffsets = wOffsets;
        for (int i = 0; i < pieces; i++) {
          const int begin = piece(results, pieces, i), count = piece(results, pieces, i + 1) - begin;
          tile.x = x.data + q * x.point() + c0 / BLOCK * x.block() + c0 % BLOCK + begin * BLOCK;
          tile.y = y.data + q * y.point() + begin * BLOCK;
          tileFunction<Access::contiguous>(count, blocks)(tile);
        }
      }
    withActivation(job.activation, [&](auto kind) {
      for (int n = 0; n < blocks; n++) {
        Vec bias{};
        for (int lane = 0; job.bias && lane < job.y.lanes(first + n); lane++) bias[lane] = job.bias[instance * job.y.c + (first + n) * BLOCK + lane];
        transformResults<decltype(kind)::value>(y.at(n, 0), y.point(), band, bias, job.y, job.y.block(sample, first + n));
      }
    });
  }
}

static void winogradConvolution(Context& context, const WinogradConvolution& job) {
  const Tiling tiling = tilingOf(job.y.d, job.y.h, job.y.w);
  const int64_t instances = job.x.n / job.batch;
  const int blocks = static_cast<int>(job.y.blocks), tileBlocks = chooseTileBlocks(tiling.planes * tiling.tiles(), blocks);
  float* weights = claim<float>(context, instances * blocks * points * job.planeTaps * job.x.c * BLOCK);
  const int64_t perThread = transformedFloats(job.x.blocks, tiling.planes + job.planeTaps - 1, tiling.tiles()) + transformedFloats(tileBlocks, tiling.planes, tiling.tiles());
  float* work = claim<float>(context, context.threads * perThread);
  if (context.measuring) return;
  transformWeights(context, job.w, instances, blocks, job.x.c, job.planeTaps, job.mirrored, weights);
  // Few bands: their results are shared out by blocks of channels too.
  int groups = 1;
  while (job.x.n * tiling.bands() * groups < 4 * context.threads && groups * 2 * tileBlocks <= blocks) groups *= 2;
  const int64_t flops = 2LL * 16 * job.planeTaps * tiling.planes * tiling.tiles() * job.x.c * blocks * BLOCK / groups;
  parallelFor(context, job.x.n * tiling.bands() * groups, flops, [&](int64_t item) {
    const int group = static_cast<int>(item % groups), tiles = static_cast<int>(ceilDivide(blocks, tileBlocks));
    const int first = piece(tiles, groups, group) * tileBlocks, end = static_cast<int>(smaller(blocks, piece(tiles, groups, group + 1) * tileBlocks));
    item /= groups;
    winogradBand(job, weights, tiling, item / tiling.bands(), static_cast<int>(item % tiling.bands()), first, end, tileBlocks, work + threadIndex() * perThread);
  });
}

/** Channels of x and of dy whose weight gradients one item sums, and items that keep every thread busy. */
constexpr int64_t gradientGroup = 64, gradientItems = 16;

/** dw (transformed, [point][block][3][channels][BLOCK]) += Vᵀ·Z of one band, for whole blocks of channels of x and of dy. */
inline void sumBand(const Transformed& x, const Transformed& dy, int channels, float* dw) {
  const int64_t dwBlock = 3LL * channels * BLOCK, dwPoint = dy.blocks * dwBlock;
  const int step = gradientTileBlocks(dy.blocks);
  for (int q = 0; q < points; q++)
    for (int first = 0; first < dy.blocks; first += step) {
      const int blocks = static_cast<int>(smaller(step, dy.blocks - first));
      for (int kd = 0; kd < 3; kd++) {
        const GradientRow row{x.at(0, kd) + q * x.point(), dy.at(first, 0) + q * dy.point(), dy.planes * dy.tiles};
        GradientTile tile{};
        tile.rows = &row;
        tile.rowCount = 1;
        tile.xVoxel = BLOCK;
        tile.dyBlock = dy.block();
        tile.dwBlock = dwBlock;
        const int perCall = gradientChannels(blocks);
        for (int c = 0; c < channels; c += perCall) {
          tile.xOffset = c / BLOCK * x.block() + c % BLOCK;
          tile.dw = dw + q * dwPoint + first * dwBlock + (kd * channels + c) * BLOCK;
          gradientTileFunction(static_cast<int>(smaller(perCall, channels - c)), blocks)(tile);
        }
      }
    }
}

/** Gᵀ·dU·G: the 16 sums of one plane of taps, channel and block → its 9 taps, `tap` floats apart. */
LOGONET_INLINE void transformWeightGradient(const Vec* sums, float* to, int64_t tap) {
  const auto three = [](Vec a, Vec b, Vec c, Vec d, Vec* out) LOGONET_LAMBDA {
    out[0] = a + 0.5f * (b + c);
    out[1] = 0.5f * (b - c);
    out[2] = 0.5f * (b + c) + d;
  };
  Vec half[4][3];
  unroll<4>([&](auto j) LOGONET_LAMBDA { three(sums[j], sums[4 + j], sums[8 + j], sums[12 + j], half[j]); });
  unroll<3>([&](auto h) LOGONET_LAMBDA {
    Vec out[3];
    three(half[0][h], half[1][h], half[2][h], half[3][h], out);
    unroll<3>([&](auto v) LOGONET_LAMBDA { store(to + (h * 3 + v) * tap, out[v]); });
  });
}

/** dw, stored as weights are, from x and dy (both of stride 1 and padding 1). */
static void winogradWeightGradient(Context& context, const Activations& x, const Activations& dy, int64_t instances, float* dw) {
  const Tiling tiling = tilingOf(dy.d, dy.h, dy.w);
  const int64_t batch = x.n / instances, groupBlocks = gradientGroup / BLOCK;
  const int64_t xGroups = ceilDivide(x.blocks, groupBlocks), dyGroups = ceilDivide(dy.blocks, groupBlocks), bands = batch * tiling.bands();
  const int64_t xPer = ceilDivide(x.blocks, xGroups), dyPer = ceilDivide(dy.blocks, dyGroups);
  const int64_t pieces = smaller(bands, ceilDivide(gradientItems, instances * xGroups * dyGroups)), items = instances * xGroups * dyGroups * pieces;
  const int64_t perItem = points * 3 * xPer * BLOCK * dyPer * BLOCK;
  const int64_t perThread = transformedFloats(xPer, tiling.planes + 2, tiling.tiles()) + transformedFloats(dyPer, tiling.planes, tiling.tiles());
  float* sums = claim<float>(context, items * perItem);
  float* work = claim<float>(context, context.threads * perThread);
  if (context.measuring) return;
  const auto channelsOf = [&](int64_t group) { return smaller(x.c, (group + 1) * xPer * BLOCK) - group * xPer * BLOCK; };
  const int64_t flops = 2LL * 48 * tiling.planes * tiling.tiles() * xPer * BLOCK * dyPer * BLOCK * ceilDivide(bands, pieces);
  parallelFor(context, items, flops, [&](int64_t item) {
    const int64_t part = item % pieces, dyGroup = item / pieces % dyGroups, xGroup = item / pieces / dyGroups % xGroups, instance = item / pieces / dyGroups / xGroups;
    float* to = sums + item * perItem;
    for (int64_t i = 0; i < perItem; i++) to[i] = 0.0f;
    const int channels = static_cast<int>(channelsOf(xGroup));
    float* space = work + threadIndex() * perThread;
    for (int64_t index = bands * part / pieces; index < bands * (part + 1) / pieces; index++) {
      const int64_t sample = instance * batch + index / tiling.bands();
      const Band band = bandOf(tiling, static_cast<int>(index % tiling.bands()));
      const Transformed v{space, static_cast<int>(ceilDivide(channels, BLOCK)), band.planes + 2, band.tiles()};
      const Transformed z{space + points * v.point(), static_cast<int>(smaller(dyPer, dy.blocks - dyGroup * dyPer)), band.planes, band.tiles()};
      transformBand(x, sample, static_cast<int>(xGroup * xPer), band, -1, v, transformInput);
      transformBand(dy, sample, static_cast<int>(dyGroup * dyPer), band, 0, z, transformGradient);
      sumBand(v, z, channels, to);
    }
  });
  parallelFor(context, instances * dy.blocks * 3, x.c * BLOCK * 64 * pieces, [&](int64_t item) {
    const int64_t kd = item % 3, block = item / 3 % dy.blocks, instance = item / 3 / dy.blocks, dyGroup = block / dyPer;
    const int64_t groupedBlocks = smaller(dyPer, dy.blocks - dyGroup * dyPer);
    for (int64_t c = 0; c < x.c; c++) {
      const int64_t xGroup = c / (xPer * BLOCK), channels = channelsOf(xGroup);
      const int64_t at = (((block - dyGroup * dyPer) * 3 + kd) * channels + c - xGroup * xPer * BLOCK) * BLOCK, point = groupedBlocks * 3 * channels * BLOCK;
      const float* from = sums + ((instance * xGroups + xGroup) * dyGroups + dyGroup) * pieces * perItem + at;
      Vec total[points];
      unroll<points>([&](auto q) LOGONET_LAMBDA { total[q] = load(from + q * point); });
      for (int64_t part = 1; part < pieces; part++) unroll<points>([&](auto q) LOGONET_LAMBDA { total[q] += load(from + part * perItem + q * point); });
      transformWeightGradient(total, dw + (((instance * dy.blocks + block) * 27 + kd * 9) * x.c + c) * BLOCK, x.c * BLOCK);
    }
  });
}
