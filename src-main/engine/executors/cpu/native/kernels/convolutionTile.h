/** A convolution's geometry along D, H, W. */
struct Box {
  int kernel[3], stride[3], padding[3], instances;
  int64_t taps() const { return static_cast<int64_t>(kernel[0]) * kernel[1] * kernel[2]; }
  bool unstrided() const { return stride[0] == 1 && stride[1] == 1 && stride[2] == 1; }
  bool pointwise() const { return taps() == 1 && unstrided() && padding[0] == 0 && padding[1] == 0 && padding[2] == 0; }
};
/** Integers: kernel, stride, padding, instances. */
inline Box cubeOf(const Step& step) {
  const int32_t k = step.integers[0], s = step.integers[1], p = step.integers[2];
  return {{k, k, k}, {s, s, s}, {p, p, p}, step.integers[3]};
}
/** Integers: kernel, stride and padding of three axes each. */
inline Box boxOf(const Step& step) {
  const int32_t* i = step.integers;
  return {{i[0], i[1], i[2]}, {i[3], i[4], i[5]}, {i[6], i[7], i[8]}, 1};
}
/** Integers: a stride of three axes, which is the kernel too. */
inline Box blockOf(const Step& step) {
  const int32_t* i = step.integers;
  return {{i[0], i[1], i[2]}, {i[0], i[1], i[2]}, {}, 1};
}

// The innermost loops of dense convolution: a tile of M voxels × NV channel blocks stays in registers over all taps and channels.

/** Voxels of a tile with `blocks` channel blocks: as many accumulators as the registers hold beside weights and one operand. */
constexpr int tileVoxels(int blocks) {
  return BLOCK == 16 ? (blocks == 1 ? 12 : blocks == 2 ? 12 : blocks == 3 ? 8 : 6) : (blocks == 1 ? 12 : blocks == 2 ? 6 : blocks == 3 ? 4 : 3);
}
constexpr int maximumTileBlocks = 4;
constexpr int maximumTileVoxels = 12;
/** Taps that one tile call can take. */
constexpr int maximumSegments = 64;

/** One call: y tile = (initial, or y itself where there is none) + Σ over segments (taps) and channels of x·w. Strides in floats. */
struct Tile {
  const float* x;
  int64_t xVoxel, xBlock;
  const int64_t* xOffsets;
  const float* w;
  int64_t wBlock;
  const int64_t* wOffsets;
  int segments, channels;
  /** One vector per channel block: the bias, when nothing was added to these results yet. */
  const float* initial;
  float* y;
  int64_t yVoxel, yBlock;
};

/** Distance of neighbouring voxels of x: one block, or as the tile says. */
enum class Access { contiguous, strided };

template <int M, int NV, Access A>
static void convolveTile(const Tile& t) {
  Vec sum[M][NV];
  unroll<M>([&](auto m) LOGONET_LAMBDA { unroll<NV>([&](auto n) LOGONET_LAMBDA { sum[m][n] = Vec{}; }); });
  const int64_t wBlock = t.wBlock;
  for (int s = 0; s < t.segments; s++) {
    const float* w = t.w + t.wOffsets[s];
    const float* x[M];
    unroll<M>([&](auto m) LOGONET_LAMBDA { x[m] = t.x + t.xOffsets[s] + m * (A == Access::contiguous ? BLOCK : t.xVoxel); });
    const auto multiply = [&](int k) LOGONET_LAMBDA {
      Vec weight[NV];
      unroll<NV>([&](auto n) LOGONET_LAMBDA { weight[n] = load(w + n * wBlock + k * BLOCK); });
      unroll<M>([&](auto m) LOGONET_LAMBDA {
        const Vec value = splat(A == Access::contiguous ? x[0][m * BLOCK + k] : x[m][k]);
        unroll<NV>([&](auto n) LOGONET_LAMBDA { sum[m][n] += value * weight[n]; });
      });
    };
    int channels = t.channels;
    for (; channels >= BLOCK; channels -= BLOCK) {
      for (int k = 0; k < BLOCK; k += 4) {
        unroll<4>([&](auto i) LOGONET_LAMBDA { multiply(i); });
        w += 4 * BLOCK;
        unroll<M>([&](auto m) LOGONET_LAMBDA { x[m] += 4; });
      }
      unroll<M>([&](auto m) LOGONET_LAMBDA { x[m] += t.xBlock - BLOCK; });
    }
    for (int k = 0; k < channels; k++) multiply(k);
  }
  // What was there before joins last: sums of parts lose fewer digits than one long sum.
  if (t.initial)
    unroll<M>([&](auto m) LOGONET_LAMBDA {
      unroll<NV>([&](auto n) LOGONET_LAMBDA { store(t.y + m * t.yVoxel + n * t.yBlock, sum[m][n] + load(t.initial + n * BLOCK)); });
    });
  else
    unroll<M>([&](auto m) LOGONET_LAMBDA {
      unroll<NV>([&](auto n) LOGONET_LAMBDA { store(t.y + m * t.yVoxel + n * t.yBlock, sum[m][n] + load(t.y + m * t.yVoxel + n * t.yBlock)); });
    });
}

typedef void (*TileFunction)(const Tile&);

template <int NV, Access A, int... I>
inline TileFunction tileOfVoxels(int voxels, IndexList<I...>) {
  static constexpr TileFunction table[] = {&convolveTile<I + 1, NV, A>...};
  return table[voxels - 1];
}
template <Access A>
static TileFunction tileFunction(int voxels, int blocks) {
  switch (blocks) {
    case 1: return tileOfVoxels<1, A>(voxels, MakeIndexList<tileVoxels(1)>::type{});
    case 2: return tileOfVoxels<2, A>(voxels, MakeIndexList<tileVoxels(2)>::type{});
    case 3: return tileOfVoxels<3, A>(voxels, MakeIndexList<tileVoxels(3)>::type{});
    default: return tileOfVoxels<4, A>(voxels, MakeIndexList<tileVoxels(4)>::type{});
  }
}

/** Tile shape (voxels × blocks) for rows of `width` results, by a count of the cycles that multiply-adds, loads and latency need. */
inline int chooseTileBlocks(int width, int blocks) {
  int best = 1;
  double bestCost = 0;
  for (int nv = 1; nv <= maximumTileBlocks; nv++) {
    double cost = 0;
    for (int b = 0; b < blocks; b += nv) {
      const int now = static_cast<int>(smaller(nv, blocks - b)), voxels = tileVoxels(now);
      const int tiles = static_cast<int>(ceilDivide(width, voxels));
      const double m = static_cast<double>(width) / tiles;
      const double cycles = static_cast<double>(larger(static_cast<int64_t>(m * now * 8), static_cast<int64_t>((m + now) * 8))) / 16;
      cost += tiles * (cycles > 4 ? cycles : 4);
    }
    if (nv == 1 || cost < bestCost * 0.999) {
      best = nv;
      bestCost = cost;
    }
  }
  return best;
}

/** Input channels of a call of several taps: few enough to keep its rounding small. */
constexpr int channelsPerCall = 32;

/** Runs of voxels for the weight gradient: `count` voxels of x and of dy from these places. */
struct GradientRow {
  const float* x;
  const float* dy;
  int64_t count;
};

/** Channels of x whose weights are summed together with `blocks` blocks of dy. */
constexpr int gradientChannels(int blocks) { return BLOCK == 16 || (blocks == 1 && BLOCK >= 8) ? 8 : 4; }
constexpr int maximumGradientBlocks = 3;
/** Blocks of one tile out of `blocks`: threes where no single one is left over. */
inline int gradientTileBlocks(int blocks) { return blocks % 3 == 1 && blocks % 2 == 0 ? 2 : static_cast<int>(smaller(maximumGradientBlocks, blocks)); }

struct GradientTile {
  const GradientRow* rows;
  int rowCount;
  /** Added to every row's x: the channel. */
  int64_t xOffset;
  int64_t xVoxel, dyBlock;
  float* dw;
  int64_t dwBlock;
};

/** dW (M channels of x, NV blocks of dy) += Σ over the rows' voxels of x·dy. */
template <int M, int NV>
static void weightGradientTile(const GradientTile& t) {
  Vec sum[M][NV];
  unroll<M>([&](auto m) LOGONET_LAMBDA { unroll<NV>([&](auto n) LOGONET_LAMBDA { sum[m][n] = Vec{}; }); });
  const int64_t xVoxel = t.xVoxel, dyBlock = t.dyBlock;
  for (int r = 0; r < t.rowCount; r++) {
    const float* x = t.rows[r].x + t.xOffset;
    const float* dy = t.rows[r].dy;
    for (int64_t v = t.rows[r].count; v > 0; v--) {
      Vec gradient[NV];
      unroll<NV>([&](auto n) LOGONET_LAMBDA { gradient[n] = load(dy + n * dyBlock); });
      unroll<M>([&](auto m) LOGONET_LAMBDA {
        const Vec value = splat(x[m]);
        unroll<NV>([&](auto n) LOGONET_LAMBDA { sum[m][n] += value * gradient[n]; });
      });
      x += xVoxel;
      dy += BLOCK;
    }
  }
  unroll<M>([&](auto m) LOGONET_LAMBDA {
    unroll<NV>([&](auto n) LOGONET_LAMBDA {
      float* to = t.dw + n * t.dwBlock + m * BLOCK;
      store(to, sum[m][n] + load(to));
    });
  });
}

typedef void (*GradientTileFunction)(const GradientTile&);

template <int NV, int... I>
inline GradientTileFunction gradientTileOfChannels(int channels, IndexList<I...>) {
  static constexpr GradientTileFunction table[] = {&weightGradientTile<I + 1, NV>...};
  return table[channels - 1];
}
static GradientTileFunction gradientTileFunction(int channels, int blocks) {
  switch (blocks) {
    case 1: return gradientTileOfChannels<1>(channels, MakeIndexList<gradientChannels(1)>::type{});
    case 2: return gradientTileOfChannels<2>(channels, MakeIndexList<gradientChannels(2)>::type{});
    default: return gradientTileOfChannels<3>(channels, MakeIndexList<gradientChannels(3)>::type{});
  }
}
