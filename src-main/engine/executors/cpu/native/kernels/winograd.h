// Dense 3³ (and 1×3×3) convolution of stride 1 by minimal filtering: bands of tiles are transformed, multiplied by the transformed weights at each
// point, and transformed back. A result of a 3³ convolution takes 27 products per channel directly, 12 with F(2, 3) over rows and columns, 4.5 with
// F(4, 3) over planes and rows, too, at about four times the rounding.

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
  /** For results that pass an activation's kink, where a wrong sign changes gradients: least rounding instead of fewest products. */
  bool careful;
};

/** y = x ∗ w for one band, for blocks [firstBlock, endBlock) of y. */
template <int Depth, int Rows>
inline void winogradBand(const WinogradConvolution& job, const float* weights, const Tiling& tiling, int64_t sample, int bandIndex, int firstBlock, int endBlock, int tileBlocks, float* work) {
  constexpr int points = tilePoints(Depth, Rows);
  const Band band = bandOf(tiling, bandIndex);
  const int channels = static_cast<int>(job.x.c), results = band.layers * band.tiles(), apart = Depth == 1 ? job.planeTaps : 1, perCall = job.careful ? 8 : channelsPerCall;
  const Transformed x{work, static_cast<int>(job.x.blocks), band.layers + apart - 1, band.tiles()};
  transformBand(job.x, sample, 0, band, Depth, -(job.planeTaps / 2), x, transformInput<Depth, Rows>);
  const int64_t instance = sample / job.batch, weightBlock = static_cast<int64_t>(apart) * channels * BLOCK, weightPoint = transformedFloats(job.y.blocks, apart, channels);
  const Transformed y{work + points * x.point(), tileBlocks, band.layers, band.tiles()};
  const float zero[maximumTileBlocks * BLOCK] = {};
  const int64_t xOffsets[3] = {0, band.tiles() * BLOCK, 2 * band.tiles() * BLOCK};
  for (int first = firstBlock; first < endBlock; first += tileBlocks) {
    const int blocks = static_cast<int>(smaller(tileBlocks, endBlock - first)), pieces = static_cast<int>(ceilDivide(results, tileVoxels(blocks)));
    Tile tile{};
    tile.xVoxel = BLOCK;
    tile.xBlock = x.block();
    tile.xOffsets = xOffsets;
    tile.wBlock = weightBlock;
    tile.segments = apart;
    tile.yVoxel = BLOCK;
    tile.yBlock = y.block();
    for (int q = 0; q < points; q++)
      for (int c0 = 0; c0 < channels; c0 += perCall) {
        tile.channels = static_cast<int>(smaller(perCall, channels - c0));
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
        transformResults<decltype(kind)::value, Depth, Rows>(y.at(n, 0), y.point(), band, bias, job.y, job.y.block(sample, first + n));
      }
    });
  }
}

/** Tiles of a band: enough to pay for reading the transformed weights, few enough to stay near. */
constexpr int bandTiles(int depth) { return depth == 1 ? 64 : 32; }
/** Tiles whose products cost as much as transforming the weights of a point and reading them, with planes joined and apart. */
constexpr int64_t joinedWeightCost = 32, apartWeightCost = 16;

template <int Depth, int Rows>
static void winogradOfTiles(Context& context, const WinogradConvolution& job) {
  constexpr int points = tilePoints(Depth, Rows);
  const Tiling tiling = tilingOf(job.y, Depth, Rows, bandTiles(Depth), 16);
  const int64_t instances = job.x.n / job.batch, apart = Depth == 1 ? job.planeTaps : 1;
  const int blocks = static_cast<int>(job.y.blocks), tileBlocks = chooseTileBlocks(tiling.layers * tiling.tiles(), blocks);
  float* weights = claim<float>(context, instances * points * transformedFloats(blocks, apart, job.x.c));
  const int64_t perThread = points * (transformedFloats(job.x.blocks, tiling.layers + apart - 1, tiling.tiles()) + transformedFloats(tileBlocks, tiling.layers, tiling.tiles()));
  float* work = claim<float>(context, context.threads * perThread);
  if (context.measuring) return;
  transformWeights<Depth, Rows>(context, job.w, instances, blocks, job.x.c, job.planeTaps, job.mirrored, weights);
  // Few bands: their results are shared out by blocks of channels too.
  int groups = 1;
  while (job.x.n * tiling.bands() * groups < 4 * context.threads && groups * 2 * tileBlocks <= blocks) groups *= 2;
  const int64_t flops = 2LL * points * apart * tiling.layers * tiling.tiles() * job.x.c * blocks * BLOCK / groups;
  parallelFor(context, job.x.n * tiling.bands() * groups, flops, [&](int64_t item) {
    const int group = static_cast<int>(item % groups), tiles = static_cast<int>(ceilDivide(blocks, tileBlocks));
    const int first = piece(tiles, groups, group) * tileBlocks, end = static_cast<int>(smaller(blocks, piece(tiles, groups, group + 1) * tileBlocks));
    item /= groups;
    winogradBand<Depth, Rows>(job, weights, tiling, item / tiling.bands(), static_cast<int>(item % tiling.bands()), first, end, tileBlocks, work + threadIndex() * perThread);
  });
}

static void winogradConvolution(Context& context, const WinogradConvolution& job) {
  const Activations& y = job.y;
  const int64_t tiles = ceilDivide(y.h, 2) * ceilDivide(y.w, 2) * job.batch, tallTiles = ceilDivide(y.h, 4) * ceilDivide(y.w, 2) * job.batch;
  const int64_t apart = tilePoints(1, 2) * job.planeTaps * (y.d * tiles + apartWeightCost);
  if (!job.careful && job.planeTaps == 1 && tilePoints(1, 4) * (y.d * tallTiles + apartWeightCost) < apart) return winogradOfTiles<1, 4>(context, job);
  if (!job.careful && job.planeTaps == 3 && tilePoints(4, 4) * (ceilDivide(y.d, 4) * tallTiles + joinedWeightCost) < apart) return winogradOfTiles<4, 4>(context, job);
  return winogradOfTiles<1, 2>(context, job);
}
