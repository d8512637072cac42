// Operations that move values: up-sampling and its transpose, channel slices, cubes, permutations.

/** Trilinear ×2, align_corners = false: result 2i reads ¼·x[i−1] + ¾·x[i], result 2i+1 reads ¾·x[i] + ¼·x[i+1], clamped at the ends. */
static void runUpsample2(Context& context, const Step& step) {
  const Activations x = activations(context, step.inputs[0]), y = activations(context, step.outputs[0]);
  if (context.measuring) return;
  const int64_t row = x.w * BLOCK, plane = x.h * row;
  parallelFor(context, y.n * y.blocks * y.d, y.h * y.w * BLOCK * 6, [&](int64_t item) {
    const int64_t od = item % y.d, slice = item / y.d, d = od / 2;
    const int64_t otherD = larger(0, smaller(x.d - 1, od % 2 ? d + 1 : d - 1));
    const float* near = x.data + slice * x.voxels * BLOCK + d * plane;
    const float* far = x.data + slice * x.voxels * BLOCK + otherD * plane;
    float* to = y.data + slice * y.voxels * BLOCK + od * y.h * y.w * BLOCK;
    for (int64_t oh = 0; oh < y.h; oh++, to += y.w * BLOCK) {
      const int64_t h = oh / 2, otherH = larger(0, smaller(x.h - 1, oh % 2 ? h + 1 : h - 1));
      const auto at = [&](int64_t w) LOGONET_LAMBDA {
        const int64_t a = h * row + w * BLOCK, b = otherH * row + w * BLOCK;
        return 0.5625f * load(near + a) + 0.1875f * (load(near + b) + load(far + a)) + 0.0625f * load(far + b);
      };
      Vec here = at(0), before = here;
      for (int64_t w = 0; w < x.w; w++) {
        const Vec after = w + 1 < x.w ? at(w + 1) : here;
        store(to + 2 * w * BLOCK, 0.75f * here + 0.25f * before);
        store(to + (2 * w + 1) * BLOCK, 0.75f * here + 0.25f * after);
        before = here;
        here = after;
      }
    }
  });
}

/** The results that read x[i], and how much: at most four, and the clamped ends read it once more. */
struct Readers {
  int count;
  int64_t position[4];
  float weight[4];
};
inline Readers readersOf(int64_t i, int64_t n) {
  Readers r{};
  const auto add = [&](int64_t position, float weight) {
    r.position[r.count] = position;
    r.weight[r.count++] = weight;
  };
  if (i > 0) add(2 * i - 1, 0.25f);
  add(2 * i, i == 0 ? 1.0f : 0.75f);
  add(2 * i + 1, i == n - 1 ? 1.0f : 0.75f);
  if (i < n - 1) add(2 * i + 2, 0.25f);
  return r;
}

static void runUpsample2Grad(Context& context, const Step& step) {
  const Activations dy = activations(context, step.inputs[0]), dx = activations(context, step.outputs[0]);
  if (context.measuring) return;
  const int64_t row = dy.w * BLOCK, plane = dy.h * row;
  parallelFor(context, dx.n * dx.blocks * dx.d, dx.h * dx.w * BLOCK * 64, [&](int64_t item) {
    const int64_t d = item % dx.d, slice = item / dx.d;
    const float* from = dy.data + slice * dy.voxels * BLOCK;
    float* to = dx.data + (slice * dx.voxels + d * dx.h * dx.w) * BLOCK;
    const Readers rd = readersOf(d, dx.d);
    for (int64_t h = 0; h < dx.h; h++) {
      const Readers rh = readersOf(h, dx.h);
      const auto at = [&](int64_t w) LOGONET_LAMBDA {
        Vec sum{};
        for (int a = 0; a < rd.count; a++)
          for (int b = 0; b < rh.count; b++) sum += rd.weight[a] * rh.weight[b] * load(from + rd.position[a] * plane + rh.position[b] * row + w * BLOCK);
        return sum;
      };
      Vec before{}, even = at(0);
      for (int64_t w = 0; w < dx.w; w++, to += BLOCK) {
        const Vec odd = at(2 * w + 1), next = w + 1 < dx.w ? at(2 * w + 2) : Vec{};
        store(to, (w == 0 ? 1.0f : 0.75f) * even + (w == dx.w - 1 ? 1.0f : 0.75f) * odd + 0.25f * (before + next));
        before = odd;
        even = next;
      }
    }
  });
}

/** Mean over boxes that touch and do not overlap. */
static void runAveragePool3d(Context& context, const Step& step) {
  if (context.measuring) return;
  const Activations x = activations(context, step.inputs[0]), y = activations(context, step.outputs[0]);
  const int64_t kd = step.integers[0], kh = step.integers[1], kw = step.integers[2];
  const float share = 1.0f / static_cast<float>(kd * kh * kw);
  parallelFor(context, y.n * y.blocks * y.d, y.h * y.w * BLOCK * kd * kh * kw, [&](int64_t item) {
    const int64_t od = item % y.d, slice = item / y.d;
    const float* from = x.data + slice * x.voxels * BLOCK;
    float* to = y.data + (slice * y.voxels + od * y.h * y.w) * BLOCK;
    for (int64_t oh = 0; oh < y.h; oh++)
      for (int64_t ow = 0; ow < y.w; ow++, to += BLOCK) {
        Vec sum{};
        for (int64_t d = od * kd; d < (od + 1) * kd; d++)
          for (int64_t h = oh * kh; h < (oh + 1) * kh; h++)
            for (int64_t w = ow * kw; w < (ow + 1) * kw; w++) sum += load(from + ((d * x.h + h) * x.w + w) * BLOCK);
        store(to, sum * share);
      }
  });
}

static void runAveragePool3dGrad(Context& context, const Step& step) {
  if (context.measuring) return;
  const Activations dy = activations(context, step.inputs[0]), dx = activations(context, step.outputs[0]);
  const int64_t kd = step.integers[0], kh = step.integers[1], kw = step.integers[2];
  const float share = 1.0f / static_cast<float>(kd * kh * kw);
  parallelFor(context, dx.n * dx.blocks * dx.d, dx.h * dx.w * BLOCK * 2, [&](int64_t item) {
    const int64_t d = item % dx.d, slice = item / dx.d;
    const float* from = dy.data + (slice * dy.voxels + d / kd * dy.h * dy.w) * BLOCK;
    float* to = dx.data + (slice * dx.voxels + d * dx.h * dx.w) * BLOCK;
    for (int64_t h = 0; h < dx.h; h++)
      for (int64_t w = 0; w < dx.w; w++, to += BLOCK) store(to, load(from + (h / kh * dy.w + w / kw) * BLOCK) * share);
  });
}

/** Copies `count` channels of `from` starting at `first` to `to` starting at `start`; one result block per item. */
LOGONET_INLINE void copyChannels(const Activations& from, int64_t first, const Activations& to, int64_t start, int64_t count, int64_t n, int64_t block, int64_t begin, int64_t end) {
  const int64_t low = larger(start, block * BLOCK), high = smaller(start + count, (block + 1) * BLOCK);
  for (int64_t c = low; c < high;) {
    const int64_t source = first + c - start, lane = source % BLOCK, run = smaller(high - c, BLOCK - lane);
    const float* x = from.block(n, source / BLOCK) + lane;
    float* y = to.block(n, block) + c % BLOCK;
    if (run == BLOCK)
      for (int64_t v = begin; v < end; v++) store(y + v * BLOCK, load(x + v * BLOCK));
    else
      for (int64_t v = begin; v < end; v++)
        for (int64_t i = 0; i < run; i++) y[v * BLOCK + i] = x[v * BLOCK + i];
    c += run;
  }
}
/** Zeros the lanes of a block beyond the last channel. */
LOGONET_INLINE void clearPadding(const Activations& y, int64_t n, int64_t block, int64_t begin, int64_t end) {
  for (int64_t v = begin; v < end; v++)
    for (int64_t lane = y.lanes(block); lane < BLOCK; lane++) y.block(n, block)[v * BLOCK + lane] = 0.0f;
}

static void runConcatChannels(Context& context, const Step& step) {
  if (context.measuring) return;
  const Activations a = activations(context, step.inputs[0]), b = activations(context, step.inputs[1]), y = activations(context, step.outputs[0]);
  forChunks(context, y, 4096, 2, [&](int64_t n, int64_t block, int64_t begin, int64_t end) {
    copyChannels(a, 0, y, 0, a.c, n, block, begin, end);
    copyChannels(b, 0, y, a.c, b.c, n, block, begin, end);
    clearPadding(y, n, block, begin, end);
  });
}

static void runSliceChannels(Context& context, const Step& step) {
  if (context.measuring) return;
  const Activations x = activations(context, step.inputs[0]), y = activations(context, step.outputs[0]);
  forChunks(context, y, 4096, 2, [&](int64_t n, int64_t block, int64_t begin, int64_t end) {
    copyChannels(x, step.integers[0], y, 0, y.c, n, block, begin, end);
    clearPadding(y, n, block, begin, end);
  });
}

/** Between a whole (B,C,D,H,W) and its cubes (split³·B,C,D/s,H/s,W/s), cube-major. */
template <bool Split>
static void runCubes(Context& context, const Step& step) {
  if (context.measuring) return;
  const Activations whole = activations(context, step.inputs[0]), out = activations(context, step.outputs[0]);
  const Activations& cubes = Split ? out : whole;
  const Activations& volume = Split ? whole : out;
  const int64_t s = step.integers[0], batch = volume.n;
  parallelFor(context, cubes.n * cubes.blocks * cubes.d, cubes.h * cubes.w * BLOCK * 2, [&](int64_t item) {
    const int64_t d = item % cubes.d, b = item / cubes.d % cubes.blocks, n = item / cubes.d / cubes.blocks;
    const int64_t cube = n / batch, i = cube / (s * s), j = cube / s % s, k = cube % s;
    for (int64_t h = 0; h < cubes.h; h++) {
      float* small = cubes.block(n, b) + (d * cubes.h + h) * cubes.w * BLOCK;
      float* large = volume.block(n % batch, b) + (((i * cubes.d + d) * volume.h + j * cubes.h + h) * volume.w + k * cubes.w) * BLOCK;
      for (int64_t w = 0; w < cubes.w; w++) store((Split ? small : large) + w * BLOCK, load((Split ? large : small) + w * BLOCK));
    }
  });
}

static void runPermute(Context& context, const Step& step) {
  if (context.measuring) return;
  const Activations x = activations(context, step.inputs[0]), y = activations(context, step.outputs[0]);
  const int32_t* axes = step.integers;
  const int32_t* extents = step.outputs[0].dims;
  // Distance in the operand for one step along each of its axes, but for the channels, whose blocks break the stride.
  const int64_t strides[5] = {x.blocks * x.voxels * BLOCK, 0, x.h * x.w * BLOCK, x.w * BLOCK, BLOCK};
  const auto step1 = [&](int axis, int64_t i) LOGONET_LAMBDA { return axes[axis] == 1 ? i / BLOCK * x.voxels * BLOCK + i % BLOCK : i * strides[axes[axis]]; };
  parallelFor(context, y.n * y.blocks * y.d, y.h * y.w * BLOCK * 8, [&](int64_t item) {
    const int64_t d = item % y.d, b = item / y.d % y.blocks, n = item / y.d / y.blocks;
    float* to = y.block(n, b) + d * y.h * y.w * BLOCK;
    for (int lane = 0; lane < BLOCK; lane++) {
      const int64_t c = b * BLOCK + lane, base = step1(0, n) + step1(1, c) + step1(2, d);
      for (int64_t h = 0; h < extents[3]; h++)
        for (int64_t w = 0; w < extents[4]; w++) to[(h * y.w + w) * BLOCK + lane] = c < y.c ? x.data[base + step1(3, h) + step1(4, w)] : 0.0f;
    }
  });
}
