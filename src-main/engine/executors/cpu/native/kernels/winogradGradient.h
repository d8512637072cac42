// The weight gradient of a dense 3³ convolution by the same filtering over rows and columns, transposed.

LOGONET_INLINE void transformGradient2(Vec a, Vec b, Vec* out) {
  out[0] = a;
  out[1] = a + b;
  out[2] = a - b;
  out[3] = -b;
}

/** A·dy·Aᵀ of every tile of 2×2 results of one plane; results outside the volume are zero. */
inline void transformGradient(const Activations& dy, const float* block, int plane, const Band& band, float* to, int64_t point) {
  for (int r = 0; r < band.rows; r++)
    for (int c = 0; c < band.columns; c++, to += BLOCK) {
      const int64_t row = 2 * (band.firstRow + r), column = 2 * (band.firstColumn + c);
      const float* from = block + ((plane * dy.h + row) * dy.w + column) * BLOCK;
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

constexpr int points = tilePoints(1, 2);

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
        const GradientRow row{x.at(0, kd) + q * x.point(), dy.at(first, 0) + q * dy.point(), dy.layers * dy.tiles};
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
  const Tiling tiling = tilingOf(dy, 1, 2, 64, 16);
  const int64_t batch = x.n / instances, groupBlocks = gradientGroup / BLOCK;
  const int64_t xGroups = ceilDivide(x.blocks, groupBlocks), dyGroups = ceilDivide(dy.blocks, groupBlocks), bands = batch * tiling.bands();
  const int64_t xPer = ceilDivide(x.blocks, xGroups), dyPer = ceilDivide(dy.blocks, dyGroups);
  const int64_t pieces = smaller(bands, ceilDivide(gradientItems, instances * xGroups * dyGroups)), items = instances * xGroups * dyGroups * pieces;
  const int64_t perItem = points * 3 * xPer * BLOCK * dyPer * BLOCK;
  const int64_t perThread = points * (transformedFloats(xPer, tiling.layers + 2, tiling.tiles()) + transformedFloats(dyPer, tiling.layers, tiling.tiles()));
  float* sums = claim<float>(context, items * perItem);
  float* work = claim<float>(context, context.threads * perThread);
  if (context.measuring) return;
  const auto channelsOf = [&](int64_t group) { return smaller(x.c, (group + 1) * xPer * BLOCK) - group * xPer * BLOCK; };
  const int64_t flops = 2LL * 48 * tiling.layers * tiling.tiles() * xPer * BLOCK * dyPer * BLOCK * ceilDivide(bands, pieces);
  parallelFor(context, items, flops, [&](int64_t item) {
    const int64_t part = item % pieces, dyGroup = item / pieces % dyGroups, xGroup = item / pieces / dyGroups % xGroups, instance = item / pieces / dyGroups / xGroups;
    float* to = sums + item * perItem;
    for (int64_t i = 0; i < perItem; i++) to[i] = 0.0f;
    const int channels = static_cast<int>(channelsOf(xGroup));
    float* space = work + threadIndex() * perThread;
    for (int64_t index = bands * part / pieces; index < bands * (part + 1) / pieces; index++) {
      const int64_t sample = instance * batch + index / tiling.bands();
      const Band band = bandOf(tiling, static_cast<int>(index % tiling.bands()));
      const Transformed v{space, static_cast<int>(ceilDivide(channels, BLOCK)), band.layers + 2, band.tiles()};
      const Transformed z{space + points * v.point(), static_cast<int>(smaller(dyPer, dy.blocks - dyGroup * dyPer)), band.layers, band.tiles()};
      transformBand(x, sample, static_cast<int>(xGroup * xPer), band, 1, -1, v, transformInput<1, 2>);
      transformBand(dy, sample, static_cast<int>(dyGroup * dyPer), band, 1, 0, z, transformGradient);
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
