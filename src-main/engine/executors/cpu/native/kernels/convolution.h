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
  int kernel;
  const float* bias;
  int activation;
};

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

/** Taps (kd, kh) that are walked together, and what a tile needs to know of them for one row of results. */
struct Segments {
  int count;
  int64_t xOffsets[maximumSegments];
  int64_t wOffsets[maximumSegments];
  /** Operand column of the first voxel at tile position 0, and where its row starts. */
  int column[maximumSegments];
  const float* rowStart[maximumSegments];
};

struct RowRange {
  const AxisClass *d, *h, *w;
  int firstRow, endRow, firstColumn, endColumn;
};

/** Adds x·w for channels [c0, c0+channels) and the given segments to columns [j0, j1) of one row of results. */
inline void convolveRow(const Convolution& job, const Segments& s, const AxisClass& cw, int j0, int j1, int tileBlocks, const float* w, int64_t channelBlock, int channels, float* yRow) {
  Tile tile{};
  tile.xVoxel = job.x.voxel * cw.inStep;
  tile.xBlock = job.x.block;
  tile.xOffsets = s.xOffsets;
  tile.w = w;
  tile.wBlock = job.wBlock;
  tile.wOffsets = s.wOffsets;
  tile.segments = s.count;
  tile.channels = channels;
  tile.yVoxel = job.y.voxel * cw.outStep;
  tile.yBlock = job.y.block;
  int low = s.column[0], high = s.column[0];
  for (int i = 1; i < s.count; i++) {
    if (s.column[i] < low) low = s.column[i];
    if (s.column[i] > high) high = s.column[i];
  }
  const int width = j1 - j0, tiles = static_cast<int>(ceilDivide(width, tileVoxels(tileBlocks)));
  const float* pointers[maximumSegments * maximumTileVoxels];
  int64_t steps[maximumSegments * maximumTileVoxels];
  for (int i = 0; i < tiles; i++) {
    const int begin = j0 + width * i / tiles, voxels = j0 + width * (i + 1) / tiles - begin;
    tile.y = yRow + begin * tile.yVoxel;
    const bool inside = low + begin * cw.inStep >= 0 && high + (begin + voxels - 1) * cw.inStep < job.x.w;
    if (inside) {
      tile.x = s.rowStart[0] + channelBlock * job.x.block + begin * tile.xVoxel;
      (tile.xVoxel == BLOCK ? tileFunction<Access::contiguous>(voxels, tileBlocks) : tileFunction<Access::strided>(voxels, tileBlocks))(tile);
      continue;
    }
    int64_t at = 0;
    for (int q = 0; q < s.count; q++)
      for (int m = 0; m < voxels; m++, at++) {
        const int column = s.column[q] + (begin + m) * cw.inStep;
        const bool valid = column >= 0 && column < job.x.w;
        pointers[at] = valid ? s.rowStart[q] + channelBlock * job.x.block + column * job.x.voxel : zeroBlock;
        steps[at] = valid ? job.x.block : 0;
      }
    tile.xPointers = pointers;
    tile.xSteps = steps;
    tileFunction<Access::pointers>(voxels, tileBlocks)(tile);
  }
}

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

  Vec bias[maximumTileBlocks];
  for (int n = 0; n < tileBlocks; n++)
    for (int lane = 0; lane < BLOCK; lane++) {
      const int channel = (firstBlock + n) * BLOCK + lane;
      bias[n][lane] = job.bias && channel < job.outChannels ? job.bias[instance * job.outChannels + channel] : 0.0f;
    }
  for (int row = range.firstRow; row < range.endRow; row++)
    for (int n = 0; n < tileBlocks; n++)
      for (int j = range.firstColumn; j < range.endColumn; j++) store(yRow(row) + j * yVoxel + n * job.y.block, bias[n]);

  const int pairs = cd.taps * ch.taps;
  const int64_t pairBytes = static_cast<int64_t>(cw.taps) * tileBlocks * BLOCK * 4;
  const bool together = pairs * cw.taps <= maximumSegments && (job.x.voxel == 1 || pairs * pairBytes * job.channels <= 24576);
  const int step = together ? job.channels : static_cast<int>(smaller(job.channels, larger(1, 8192 / pairBytes / BLOCK) * BLOCK));
  for (int first = 0; first < pairs; first += together ? pairs : 1)
    for (int c0 = 0; c0 < job.channels; c0 += step)
      for (int row = range.firstRow; row < range.endRow; row++) {
        const int zd = row / ch.count * cd.inStep, zh = row % ch.count * ch.inStep;
        Segments s;
        s.count = 0;
        for (int pair = first; pair < (together ? pairs : first + 1); pair++) {
          const int td = pair / ch.taps, th = pair % ch.taps, id = zd + cd.offset[td], ih = zh + ch.offset[th];
          if (id < 0 || id >= job.x.d || ih < 0 || ih >= job.x.h) continue;
          for (int tw = 0; tw < cw.taps; tw++) {
            const int q = s.count++;
            s.rowStart[q] = x + id * job.x.plane + ih * job.x.row;
            s.column[q] = cw.offset[tw];
            s.xOffsets[q] = s.rowStart[q] - s.rowStart[0] + s.column[q] * job.x.voxel;
            s.wOffsets[q] = ((static_cast<int64_t>(cd.tap[td]) * job.kernel + ch.tap[th]) * job.kernel + cw.tap[tw]) * job.wTap + c0 * BLOCK;
          }
        }
        if (s.count == 0) continue;
        convolveRow(job, s, cw, range.firstColumn, range.endColumn, tileBlocks, w, c0 / BLOCK, static_cast<int>(smaller(step, job.channels - c0)), yRow(row));
      }

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
  constexpr int resultsPerItem = 128;
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
inline Volume paddedChannel(Context& context, const Activations& x, int padding) {
  const int64_t d = x.d + 2 * padding, h = x.h + 2 * padding, w = x.w + 2 * padding;
  float* padded = claim<float>(context, x.n * d * h * w + BLOCK);
  if (!context.measuring)
    parallelFor(context, x.n * d, h * w * 8, [&](int64_t item) {
      const int64_t n = item / d, z = item % d - padding;
      float* to = padded + item * h * w;
      for (int64_t row = 0; row < h; row++) {
        const int64_t y = row - padding;
        const bool inside = z >= 0 && z < x.d && y >= 0 && y < x.h;
        const float* from = x.block(n, 0) + (z * x.h + y) * x.w * BLOCK;
        for (int64_t column = 0; column < w; column++) {
          const int64_t v = column - padding;
          *to++ = inside && v >= 0 && v < x.w ? from[v * BLOCK] : 0.0f;
        }
      }
    });
  return {padded, d * h * w, BLOCK, h * w, w, 1, static_cast<int>(d), static_cast<int>(h), static_cast<int>(w)};
}

/** A convolution of pointwise kernel sees one long row instead of many short ones. */
inline void flatten(Volume& v) {
  v.w = v.d * v.h * v.w;
  v.d = v.h = 1;
}

static void runConv3d(Context& context, const Step& step) {
  const int kernel = step.integers[0], stride = step.integers[1], padding = step.integers[2], instances = step.integers[3];
  const Activations x = activations(context, step.inputs[0]), y = activations(context, step.outputs[0]);
  Convolution job{};
  job.x = volumeOf(x);
  job.y = volumeOf(y);
  job.samples = static_cast<int>(x.n);
  job.batch = static_cast<int>(x.n / instances);
  job.channels = static_cast<int>(x.c);
  job.outChannels = static_cast<int>(y.c);
  job.outBlocks = static_cast<int>(y.blocks);
  job.w = floatsOf(context, step.inputs[1]);
  job.wTap = x.c * BLOCK;
  job.wBlock = job.wTap * kernel * kernel * kernel;
  job.wInstance = job.wBlock * y.blocks;
  job.kernel = kernel;
  job.bias = floatsOf(context, step.inputs[2]);
  job.activation = step.integers[4];
  const bool single = x.c == 1 && kernel > 1 && kernel <= 8;
  if (single) {
    job.x = paddedChannel(context, x, padding);
    job.channels = kernel;
  }
  if (context.measuring) return;
  if (kernel == 1 && stride == 1 && padding == 0) {
    flatten(job.x);
    flatten(job.y);
  }
  job.axes[0] = forwardAxis(job.y.d, kernel, stride, single ? 0 : padding);
  job.axes[1] = forwardAxis(job.y.h, kernel, stride, single ? 0 : padding);
  job.axes[2] = single ? forwardAxis(job.y.w, 1, stride, 0) : forwardAxis(job.y.w, kernel, stride, padding);
  convolve(context, job);
}

static void runConv3dGradInput(Context& context, const Step& step) {
  const int kernel = step.integers[0], stride = step.integers[1], padding = step.integers[2], instances = step.integers[3];
  const Activations dy = activations(context, step.inputs[0]), dx = activations(context, step.outputs[0]);
  const int64_t taps = static_cast<int64_t>(kernel) * kernel * kernel, outs = dy.c, ins = dx.c;
  float* turned = claim<float>(context, instances * dx.blocks * taps * outs * BLOCK);
  if (context.measuring) return;
  const float* w = floatsOf(context, step.inputs[1]);
  parallelFor(context, instances * dx.blocks * taps, outs * BLOCK * 8, [&](int64_t item) {
    const int64_t tap = item % taps, block = item / taps % dx.blocks, g = item / taps / dx.blocks;
    const int lanes = dx.lanes(block);
    for (int64_t o = 0; o < dy.blocks; o++) {
      const float* from = w + (((g * dy.blocks + o) * taps + tap) * ins + block * BLOCK) * BLOCK;
      float* to = turned + (item * outs + o * BLOCK) * BLOCK;
      const int outLanes = dy.lanes(o);
      for (int out = 0; out < outLanes; out++)
        for (int lane = 0; lane < BLOCK; lane++) to[out * BLOCK + lane] = lane < lanes ? from[lane * BLOCK + out] : 0.0f;
    }
  });
  Convolution job{};
  job.x = volumeOf(dy);
  job.y = volumeOf(dx);
  job.samples = static_cast<int>(dx.n);
  job.batch = static_cast<int>(dx.n / instances);
  job.channels = static_cast<int>(outs);
  job.outChannels = static_cast<int>(ins);
  job.outBlocks = static_cast<int>(dx.blocks);
  job.w = turned;
  job.wTap = outs * BLOCK;
  job.wBlock = job.wTap * taps;
  job.wInstance = job.wBlock * dx.blocks;
  job.kernel = kernel;
  if (kernel == 1 && stride == 1 && padding == 0) {
    flatten(job.x);
    flatten(job.y);
  }
  job.axes[0] = gradientAxis(job.y.d, kernel, stride, padding);
  job.axes[1] = gradientAxis(job.y.h, kernel, stride, padding);
  job.axes[2] = gradientAxis(job.y.w, kernel, stride, padding);
  convolve(context, job);
}
