// Dense convolution of any kernel, stride and padding: forward and input gradient are one loop over different index maps.

constexpr int maximumKernel = 15;
constexpr int maximumClasses = 8;

/**
 * How one axis of the result maps to the operand: results start + i·outStep, i in [0, count), read operand i·inStep + offset[t] with
 * weight tap[t]. A forward convolution is one class; the input gradient of stride s falls into s classes with a subset of taps each.
 */
struct AxisClass {
  int start, outStep, count, inStep, taps;
  int offset[maximumKernel], tap[maximumKernel];
};

struct Axis {
  int classes;
  AxisClass of[maximumClasses];
};

inline Axis forwardAxis(int results, int kernel, int stride, int padding) {
  Axis axis{};
  axis.classes = 1;
  AxisClass& c = axis.of[0];
  c.outStep = 1;
  c.count = results;
  c.inStep = stride;
  c.taps = kernel;
  for (int k = 0; k < kernel; k++) {
    c.offset[k] = k - padding;
    c.tap[k] = k;
  }
  return axis;
}

inline Axis gradientAxis(int results, int kernel, int stride, int padding) {
  Axis axis{};
  axis.classes = stride;
  for (int r = 0; r < stride; r++) {
    AxisClass& c = axis.of[r];
    c.start = r;
    c.outStep = stride;
    c.count = (results - r + stride - 1) / stride;
    c.inStep = 1;
    for (int k = 0; k < kernel; k++)
      if ((r + padding - k) % stride == 0) {
        c.offset[c.taps] = (r + padding - k) / stride;
        c.tap[c.taps++] = k;
      }
  }
  return axis;
}

/** A volume as the convolution walks it; strides in floats. */
struct Volume {
  float* data;
  int64_t sample, block, plane, row, voxel;
  int d, h, w;
};

inline Volume volumeOf(const Activations& a) {
  return {a.data, a.blocks * a.voxels * BLOCK, a.voxels * BLOCK, a.h * a.w * BLOCK, a.w * BLOCK, BLOCK, static_cast<int>(a.d), static_cast<int>(a.h), static_cast<int>(a.w)};
}

struct Convolution {
  Volume x, y;
  Axis axes[3];
  int samples, batch;
  /** Channels summed over, and channels and blocks of the result. */
  int channels, outChannels, outBlocks;
  const float* w;
  int64_t wInstance, wBlock, wTap;
  int kernelH, kernelW;
  const float* bias;
  int activation;
};

/** Taps that one row of results is summed over in one go, ordered by kw: `perColumn` (kd, kh) pairs for each kw. */
struct Segments {
  const AxisClass* columns;
  int perColumn;
  /** Start of the row of x that xOffsets count from. */
  const float* x;
  int64_t xOffsets[maximumSegments];
  const float* w;
  int64_t wOffsets[maximumSegments];
  int channels;
};

/**
 * Adds x·w to columns [begin, begin+voxels) of a row of results. Taps whose columns of x all exist go together; a tap that hangs over
 * the border takes the part of the tile that it reaches.
 */
inline void convolveColumns(const Convolution& job, const Segments& s, int begin, int voxels, int blocks, const float* initial, float* yRow) {
  const AxisClass& c = *s.columns;
  Tile tile{};
  tile.xVoxel = job.x.voxel * c.inStep;
  tile.xBlock = job.x.block;
  tile.w = s.w;
  tile.wBlock = job.wBlock;
  tile.channels = s.channels;
  tile.yVoxel = job.y.voxel * c.outStep;
  tile.yBlock = job.y.block;
  const auto call = [&](int firstTap, int taps, int from, int count) {
    tile.x = s.x + from * tile.xVoxel;
    tile.xOffsets = s.xOffsets + firstTap * s.perColumn;
    tile.wOffsets = s.wOffsets + firstTap * s.perColumn;
    tile.segments = taps * s.perColumn;
    tile.y = yRow + from * tile.yVoxel;
    tile.initial = initial;
    (tile.xVoxel == BLOCK ? tileFunction<Access::contiguous>(count, blocks) : tileFunction<Access::strided>(count, blocks))(tile);
  };
  const int end = begin + voxels, width = job.x.w;
  const auto whole = [&](int t) { return c.offset[t] + begin * c.inStep >= 0 && c.offset[t] + (end - 1) * c.inStep < width; };
  // Offsets rise or fall with the tap, so that the whole ones are neighbours.
  int first = 0, last = c.taps;
  while (first < last && !whole(first)) first++;
  while (last > first && !whole(last - 1)) last--;
  if (first < last) {
    call(first, last - first, begin, voxels);
  } else if (initial) {
    for (int j = begin; j < end; j++)
      for (int n = 0; n < blocks; n++) store(yRow + j * tile.yVoxel + n * tile.yBlock, load(initial + n * BLOCK));
  }
  initial = nullptr;
  if (last - first == c.taps) return;
  for (int t = 0; t < c.taps; t++) {
    if (t >= first && t < last) continue;
    int from = begin, to = end;
    while (from < to && c.offset[t] + from * c.inStep < 0) from++;
    while (to > from && c.offset[t] + (to - 1) * c.inStep >= width) to--;
    if (from < to) call(t, 1, from, to - from);
  }
}

struct RowRange {
  const AxisClass *d, *h, *w;
  int firstRow, endRow, firstColumn, endColumn;
};

/** Results that one item aims at: few enough to stay in the first-level cache with their weights. */
constexpr int resultsPerItem = 128;
/** Products that one call of a tile sums before they join the result. */
constexpr int productsPerCall = 144;

/** One item: rows × columns of results of a sample for a tile of channel blocks. */
inline void convolveRange(const Convolution& job, int sample, const RowRange& range, int firstBlock, int tileBlocks) {
  const AxisClass &cd = *range.d, &ch = *range.h, &cw = *range.w;
  const int instance = sample / job.batch;
  const float* x = job.x.data + sample * job.x.sample;
  float* y = job.y.data + sample * job.y.sample + firstBlock * job.y.block + cw.start * job.y.voxel;
  const float* w = job.w + instance * job.wInstance + firstBlock * job.wBlock;
  const auto yRow = [&](int row) {
    return y + (cd.start + row / ch.count * cd.outStep) * job.y.plane + (ch.start + row % ch.count * ch.outStep) * job.y.row;
  };
  const int64_t yVoxel = job.y.voxel * cw.outStep;

  float bias[maximumTileBlocks * BLOCK];
  for (int i = 0; i < tileBlocks * BLOCK; i++) {
    const int channel = firstBlock * BLOCK + i;
    bias[i] = job.bias && channel < job.outChannels ? job.bias[instance * job.outChannels + channel] : 0.0f;
  }
  bool started[resultsPerItem] = {};

  // Taps (kd, kh) and channels of one call: products enough to pay for it, few enough to keep its rounding small and its weights near.
  // The rule knows no vector width, so that instruction sets with fused multiply-adds agree to the bit.
  const int pairs = cd.taps * ch.taps, products = cw.taps * job.channels;
  const bool allFit = pairs * cw.taps <= maximumSegments && (job.x.voxel == 1 || pairs * products <= productsPerCall);
  const int group = allFit ? pairs : ch.taps * cw.taps <= maximumSegments && ch.taps * products <= productsPerCall ? ch.taps : 1;
  const int step = group > 1 ? job.channels : cw.taps == 1 ? 4 * channelsPerCall : channelsPerCall;
  const int width = range.endColumn - range.firstColumn, tiles = static_cast<int>(ceilDivide(width, tileVoxels(tileBlocks)));
  Segments s;
  s.columns = &cw;
  s.w = w;
  for (int first = 0; first < pairs; first += group)
    for (int c0 = 0; c0 < job.channels; c0 += step) {
      s.channels = static_cast<int>(smaller(step, job.channels - c0));
      for (int row = range.firstRow; row < range.endRow; row++) {
        const int zd = row / ch.count * cd.inStep, zh = row % ch.count * ch.inStep;
        int64_t xPair[maximumSegments], wPair[maximumSegments];
        s.perColumn = 0;
        for (int pair = first; pair < first + group; pair++) {
          const int td = pair / ch.taps, th = pair % ch.taps, id = zd + cd.offset[td], ih = zh + ch.offset[th];
          if (id < 0 || id >= job.x.d || ih < 0 || ih >= job.x.h) continue;
          xPair[s.perColumn] = id * job.x.plane + ih * job.x.row + c0 / BLOCK * job.x.block;
          wPair[s.perColumn++] = (static_cast<int64_t>(cd.tap[td]) * job.kernelH + ch.tap[th]) * job.kernelW * job.wTap + c0 * BLOCK;
        }
        if (s.perColumn == 0) continue;
        s.x = x;
        for (int tw = 0; tw < cw.taps; tw++)
          for (int q = 0; q < s.perColumn; q++) {
            s.xOffsets[tw * s.perColumn + q] = xPair[q] + cw.offset[tw] * job.x.voxel;
            s.wOffsets[tw * s.perColumn + q] = wPair[q] + cw.tap[tw] * job.wTap;
          }
        bool& begun = started[row - range.firstRow];
        float* results = yRow(row);
        for (int i = 0; i < tiles; i++) {
          const int begin = range.firstColumn + width * i / tiles, end = range.firstColumn + width * (i + 1) / tiles;
          convolveColumns(job, s, begin, end - begin, tileBlocks, begun ? nullptr : bias, results);
        }
        begun = true;
      }
    }
  for (int row = range.firstRow; row < range.endRow; row++)
    if (!started[row - range.firstRow])
      for (int j = range.firstColumn; j < range.endColumn; j++)
        for (int n = 0; n < tileBlocks; n++) store(yRow(row) + j * yVoxel + n * job.y.block, load(bias + n * BLOCK));

  if (job.activation != 0)
    withActivation(job.activation, [&](auto kind) {
      for (int row = range.firstRow; row < range.endRow; row++)
        for (int n = 0; n < tileBlocks; n++)
          for (int j = range.firstColumn; j < range.endColumn; j++) {
            float* at = yRow(row) + j * yVoxel + n * job.y.block;
            store(at, activate<decltype(kind)::value>(load(at)));
          }
    });
}

static void convolve(Context& context, const Convolution& job) {
  struct Part {
    RowRange range;
    int rows, groups, pieces, tileBlocks, tiles;
    int64_t firstItem;
  };
  Part parts[maximumClasses * maximumClasses * maximumClasses];
  int count = 0;
  int64_t items = 0;
  for (int rows = resultsPerItem; count == 0 || (items < 4 * context.threads && rows > 1); rows /= 2) {
    count = 0;
    items = 0;
    for (int a = 0; a < job.axes[0].classes; a++)
      for (int b = 0; b < job.axes[1].classes; b++)
        for (int c = 0; c < job.axes[2].classes; c++) {
          Part& part = parts[count];
          part.range = {&job.axes[0].of[a], &job.axes[1].of[b], &job.axes[2].of[c], 0, 0, 0, 0};
          const int width = part.range.w->count, lines = part.range.d->count * part.range.h->count;
          if (width <= 0 || lines <= 0) continue;
          part.pieces = static_cast<int>(ceilDivide(width, resultsPerItem));
          part.rows = static_cast<int>(larger(1, rows / larger(1, ceilDivide(width, part.pieces))));
          part.groups = static_cast<int>(ceilDivide(lines, part.rows));
          part.tileBlocks = chooseTileBlocks(static_cast<int>(ceilDivide(width, part.pieces)), job.outBlocks);
          part.tiles = static_cast<int>(ceilDivide(job.outBlocks, part.tileBlocks));
          part.firstItem = items;
          items += static_cast<int64_t>(job.samples) * part.groups * part.pieces * part.tiles;
          count++;
        }
    if (count == 0) return;
  }
  const int64_t work = 2LL * job.y.d * job.y.h * job.y.w * job.samples * job.outBlocks * BLOCK * job.channels / larger(1, items);
  parallelFor(context, items, work, [&](int64_t item) {
    int p = count - 1;
    while (parts[p].firstItem > item) p--;
    const Part& part = parts[p];
    int64_t rest = item - part.firstItem;
    const int tile = static_cast<int>(rest % part.tiles);
    rest /= part.tiles;
    const int piece = static_cast<int>(rest % part.pieces);
    rest /= part.pieces;
    const int group = static_cast<int>(rest % part.groups), sample = static_cast<int>(rest / part.groups);
    RowRange range = part.range;
    const int width = range.w->count;
    range.firstRow = group * part.rows;
    range.endRow = static_cast<int>(smaller(range.firstRow + part.rows, range.d->count * range.h->count));
    range.firstColumn = static_cast<int>(static_cast<int64_t>(width) * piece / part.pieces);
    range.endColumn = static_cast<int>(static_cast<int64_t>(width) * (piece + 1) / part.pieces);
    const int firstBlock = tile * part.tileBlocks;
    convolveRange(job, sample, range, firstBlock, static_cast<int>(smaller(part.tileBlocks, job.outBlocks - firstBlock)));
  });
}

/**
 * One input channel: its lane is copied out into a zero-padded volume whose rows are contiguous, so that the kw taps of a row act as
 * channels and no border is left.
 */
inline Volume paddedChannel(Context& context, const Activations& x, const Box& box) {
  const int64_t d = x.d + 2 * box.padding[0], h = x.h + 2 * box.padding[1], w = x.w + 2 * box.padding[2];
  float* padded = claim<float>(context, x.n * d * h * w + BLOCK);
  if (!context.measuring)
    parallelFor(context, x.n * d, h * w * 8, [&](int64_t item) {
      const int64_t n = item / d, z = item % d - box.padding[0];
      float* to = padded + item * h * w;
      for (int64_t row = 0; row < h; row++) {
        const int64_t y = row - box.padding[1];
        const bool inside = z >= 0 && z < x.d && y >= 0 && y < x.h;
        const float* from = x.block(n, 0) + (z * x.h + y) * x.w * BLOCK;
        for (int64_t column = 0; column < w; column++) {
          const int64_t v = column - box.padding[2];
          *to++ = inside && v >= 0 && v < x.w ? from[v * BLOCK] : 0.0f;
        }
      }
    });
  return {padded, d * h * w, BLOCK, h * w, w, 1, static_cast<int>(d), static_cast<int>(h), static_cast<int>(w)};
}
/** Whether that pays: taps of a row few enough for one block. */
inline bool suitsPaddedChannel(const Activations& x, const Box& box) { return x.c == 1 && box.kernel[2] > 1 && box.kernel[2] <= 8; }

/** A convolution of pointwise kernel sees one long row instead of many short ones. */
inline void flatten(Volume& v) {
  v.w = v.d * v.h * v.w;
  v.d = v.h = 1;
}

/** y = activation(x ∗ w + bias); `bias` may be null; `careful` as in WinogradConvolution. */
static void convolveForward(Context& context, const Box& box, const Activations& x, const Activations& y, const float* w, const float* bias, int activation, bool careful) {
  if (suitsWinograd(box, x.c, y)) return winogradConvolution(context, {x, y, x.n / box.instances, w, box.kernel[0], false, bias, activation, careful});
  Convolution job{};
  job.x = volumeOf(x);
  job.y = volumeOf(y);
  job.samples = static_cast<int>(x.n);
  job.batch = static_cast<int>(x.n / box.instances);
  job.channels = static_cast<int>(x.c);
  job.outChannels = static_cast<int>(y.c);
  job.outBlocks = static_cast<int>(y.blocks);
  job.w = w;
  job.wTap = x.c * BLOCK;
  job.wBlock = job.wTap * box.taps();
  job.wInstance = job.wBlock * y.blocks;
  job.kernelH = box.kernel[1];
  job.kernelW = box.kernel[2];
  job.bias = bias;
  job.activation = activation;
  const bool single = suitsPaddedChannel(x, box);
  if (single) {
    job.x = paddedChannel(context, x, box);
    job.channels = box.kernel[2];
  }
  if (context.measuring) return;
  if (box.pointwise()) {
    flatten(job.x);
    flatten(job.y);
  }
  job.axes[0] = forwardAxis(job.y.d, box.kernel[0], box.stride[0], single ? 0 : box.padding[0]);
  job.axes[1] = forwardAxis(job.y.h, box.kernel[1], box.stride[1], single ? 0 : box.padding[1]);
  job.axes[2] = single ? forwardAxis(job.y.w, 1, box.stride[2], 0) : forwardAxis(job.y.w, box.kernel[2], box.stride[2], box.padding[2]);
  convolve(context, job);
}

static void runConv3d(Context& context, const Step& step) {
  convolveForward(context, cubeOf(step), activations(context, step.inputs[0]), activations(context, step.outputs[0]), floatsOf(context, step.inputs[1]),
                  floatsOf(context, step.inputs[2]), step.integers[4], true);
}
static void runBoxConv3d(Context& context, const Step& step) {
  convolveForward(context, boxOf(step), activations(context, step.inputs[0]), activations(context, step.outputs[0]), floatsOf(context, step.inputs[1]),
                  step.inputCount > 2 ? floatsOf(context, step.inputs[2]) : nullptr, step.integers[9], false);
}

/** Weights with the channels of dx in their lanes: [instance][block of dx][tap][channel of dy][BLOCK]. */
inline void turnWeights(Context& context, const float* w, const Activations& dy, const Activations& dx, int64_t instances, int64_t taps, float* turned) {
  parallelFor(context, instances * dx.blocks * taps, dy.c * BLOCK * 8, [&](int64_t item) {
    const int64_t tap = item % taps, block = item / taps % dx.blocks, g = item / taps / dx.blocks;
    const int lanes = dx.lanes(block);
    for (int64_t o = 0; o < dy.blocks; o++) {
      const float* from = w + (((g * dy.blocks + o) * taps + tap) * dx.c + block * BLOCK) * BLOCK;
      float* to = turned + (item * dy.c + o * BLOCK) * BLOCK;
      const int outLanes = dy.lanes(o);
      for (int out = 0; out < outLanes; out++)
        for (int lane = 0; lane < BLOCK; lane++) to[out * BLOCK + lane] = lane < lanes ? from[lane * BLOCK + out] : 0.0f;
    }
  });
}

/** dx of a convolution, plus bias where there is one: the transposed convolution. */
static void convolveBackward(Context& context, const Box& box, const Activations& dy, const Activations& dx, const float* w, const float* bias) {
  float* turned = claim<float>(context, box.instances * dx.blocks * box.taps() * dy.c * BLOCK);
  if (!context.measuring) turnWeights(context, w, dy, dx, box.instances, box.taps(), turned);
  if (suitsWinograd(box, dy.c, dx)) return winogradConvolution(context, {dy, dx, dy.n / box.instances, turned, box.kernel[0], true, bias, 0, false});
  if (context.measuring) return;
  Convolution job{};
  job.x = volumeOf(dy);
  job.y = volumeOf(dx);
  job.samples = static_cast<int>(dx.n);
  job.batch = static_cast<int>(dx.n / box.instances);
  job.channels = static_cast<int>(dy.c);
  job.outChannels = static_cast<int>(dx.c);
  job.outBlocks = static_cast<int>(dx.blocks);
  job.w = turned;
  job.wTap = dy.c * BLOCK;
  job.wBlock = job.wTap * box.taps();
  job.wInstance = job.wBlock * dx.blocks;
  job.kernelH = box.kernel[1];
  job.kernelW = box.kernel[2];
  job.bias = bias;
  if (box.pointwise()) {
    flatten(job.x);
    flatten(job.y);
  }
  job.axes[0] = gradientAxis(job.y.d, box.kernel[0], box.stride[0], box.padding[0]);
  job.axes[1] = gradientAxis(job.y.h, box.kernel[1], box.stride[1], box.padding[1]);
  job.axes[2] = gradientAxis(job.y.w, box.kernel[2], box.stride[2], box.padding[2]);
  convolve(context, job);
}

static void runConv3dGradInput(Context& context, const Step& step) {
  convolveBackward(context, cubeOf(step), activations(context, step.inputs[0]), activations(context, step.outputs[0]), floatsOf(context, step.inputs[1]), nullptr);
}
static void runBoxConv3dGradInput(Context& context, const Step& step) {
  convolveBackward(context, boxOf(step), activations(context, step.inputs[0]), activations(context, step.outputs[0]), floatsOf(context, step.inputs[1]), nullptr);
}
static void runTransposedConv3d(Context& context, const Step& step) {
  convolveBackward(context, blockOf(step), activations(context, step.inputs[0]), activations(context, step.outputs[0]), floatsOf(context, step.inputs[1]),
                   step.inputCount > 2 ? floatsOf(context, step.inputs[2]) : nullptr);
}
