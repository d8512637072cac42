// Weight and bias gradients of dense convolution.

/** Sum of every channel over an instance's samples and voxels, in double over fixed pieces; result (G, C). */
static void channelSums(Context& context, const Activations& a, int instances, float* sums) {
  constexpr int64_t chunk = 1024;
  const int64_t chunks = ceilDivide(a.voxels, chunk), batch = a.n / instances;
  float* partial = claim<float>(context, a.n * a.blocks * chunks * BLOCK);
  if (context.measuring) return;
  forChunks(context, a, chunk, 1, [&](int64_t n, int64_t b, int64_t begin, int64_t end) {
    const float* x = a.block(n, b);
    Vec sum[4] = {};
    int64_t v = begin;
    for (; v + 4 <= end; v += 4) unroll<4>([&](auto i) LOGONET_LAMBDA { sum[i] += load(x + (v + i) * BLOCK); });
    for (; v < end; v++) sum[0] += load(x + v * BLOCK);
    store(partial + ((n * a.blocks + b) * chunks + begin / chunk) * BLOCK, (sum[0] + sum[1]) + (sum[2] + sum[3]));
  });
  for (int64_t g = 0; g < instances; g++)
    for (int64_t c = 0; c < a.c; c++) {
      double sum = 0;
      for (int64_t n = g * batch; n < (g + 1) * batch; n++)
        for (int64_t q = 0; q < chunks; q++) sum += partial[((n * a.blocks + c / BLOCK) * chunks + q) * BLOCK + c % BLOCK];
      sums[g * a.c + c] = static_cast<float>(sum);
    }
}

struct WeightGradient {
  Volume x, dy;
  AxisClass d, h, w;
  int batch, channels, outBlocks, kernelW;
  float* dw;
  int64_t dwInstance, dwBlock, dwTap;
};

/** Rows of one item that are walked per tap; their voxels together keep the sums in registers for long enough. */
constexpr int maximumGradientRows = 64;
constexpr int gradientVoxels = 192;

/** dW of blocks [firstBlock, +blocks), channels [c0, c1) and the taps (kd, kh) in [firstPair, endPair): written, nobody else does. */
inline void weightGradientRange(const WeightGradient& job, int instance, int firstBlock, int blocks, int c0, int c1, int firstPair, int endPair) {
  float* dw = job.dw + instance * job.dwInstance + firstBlock * job.dwBlock;
  for (int n = 0; n < blocks; n++)
    for (int pair = firstPair; pair < endPair; pair++)
      for (int tw = 0; tw < job.w.taps; tw++) {
        float* to = dw + n * job.dwBlock + (static_cast<int64_t>(pair) * job.kernelW + tw) * job.dwTap;
        for (int64_t i = c0 * BLOCK; i < c1 * BLOCK; i++) to[i] = 0.0f;
      }
  const int perCall = gradientChannels(blocks);
  const int rows = static_cast<int>(larger(1, smaller(maximumGradientRows, gradientVoxels / job.w.count)));
  const int lines = job.d.count * job.h.count, pieces = static_cast<int>(ceilDivide(job.w.count, gradientVoxels));
  GradientRow list[maximumGradientRows];
  GradientTile tile{};
  tile.rows = list;
  tile.xVoxel = job.x.voxel * job.w.inStep;
  tile.dyBlock = job.dy.block;
  tile.dwBlock = job.dwBlock;
  for (int sample = instance * job.batch; sample < (instance + 1) * job.batch; sample++) {
    const float* x = job.x.data + sample * job.x.sample;
    const float* dy = job.dy.data + sample * job.dy.sample + firstBlock * job.dy.block;
    for (int part = 0; part < ceilDivide(lines, rows) * pieces; part++)
      for (int pair = firstPair; pair < endPair; pair++)
        for (int tw = 0; tw < job.w.taps; tw++) {
          const int line = part / pieces * rows, piece = part % pieces;
          const int td = pair / job.h.taps, th = pair % job.h.taps, offset = job.w.offset[tw], stride = job.w.inStep;
          int low = static_cast<int>(static_cast<int64_t>(job.w.count) * piece / pieces), high = static_cast<int>(static_cast<int64_t>(job.w.count) * (piece + 1) / pieces);
          while (low < high && low * stride + offset < 0) low++;
          while (high > low && (high - 1) * stride + offset >= job.x.w) high--;
          if (low >= high) continue;
          int count = 0;
          for (int r = line; r < line + rows && r < lines; r++) {
            const int zd = r / job.h.count, zh = r % job.h.count;
            const int id = zd * job.d.inStep + job.d.offset[td], ih = zh * job.h.inStep + job.h.offset[th];
            if (id < 0 || id >= job.x.d || ih < 0 || ih >= job.x.h) continue;
            list[count++] = {x + id * job.x.plane + ih * job.x.row + (low * stride + offset) * job.x.voxel,
                             dy + zd * job.dy.plane + zh * job.dy.row + low * job.dy.voxel, high - low};
          }
          if (count == 0) continue;
          tile.rowCount = count;
          for (int c = c0; c < c1; c += perCall) {
            tile.xOffset = c / BLOCK * job.x.block + c % BLOCK;
            tile.dw = dw + (static_cast<int64_t>(pair) * job.kernelW + tw) * job.dwTap + c * BLOCK;
            gradientTileFunction(static_cast<int>(smaller(perCall, c1 - c)), blocks)(tile);
          }
        }
  }
}

static void weightGradient(Context& context, const WeightGradient& job, int instances) {
  const int tileBlocks = gradientTileBlocks(job.outBlocks);
  const int tiles = static_cast<int>(ceilDivide(job.outBlocks, tileBlocks));
  const int channelBlocks = static_cast<int>(ceilDivide(job.channels, BLOCK)), pairs = job.d.taps * job.h.taps;
  // Few items keep dy in the cache for longer; enough of them keep every thread busy.
  const int64_t wanted = 8 * context.threads;
  int channelGroups = 1, pairGroups = 1;
  while (static_cast<int64_t>(instances) * tiles * channelGroups * pairGroups < wanted && (channelGroups < channelBlocks || pairGroups < pairs)) {
    if (pairGroups == 1 && job.d.taps > 1) pairGroups = job.d.taps;
    else if (channelGroups < channelBlocks) channelGroups = static_cast<int>(smaller(channelBlocks, channelGroups * 2));
    else pairGroups = pairs;
  }
  const int groupBlocks = static_cast<int>(ceilDivide(channelBlocks, channelGroups));
  channelGroups = static_cast<int>(ceilDivide(channelBlocks, groupBlocks));
  const int groupPairs = pairs / pairGroups;
  const int64_t items = static_cast<int64_t>(instances) * tiles * channelGroups * pairGroups;
  const int64_t work = 2LL * job.d.count * job.h.count * job.w.count * job.batch * tileBlocks * BLOCK * groupBlocks * BLOCK * groupPairs * job.w.taps;
  parallelFor(context, items, work, [&](int64_t item) {
    const int pairGroup = static_cast<int>(item % pairGroups), channelGroup = static_cast<int>(item / pairGroups % channelGroups);
    const int tile = static_cast<int>(item / pairGroups / channelGroups % tiles), instance = static_cast<int>(item / pairGroups / channelGroups / tiles);
    const int first = tile * tileBlocks, c0 = channelGroup * groupBlocks * BLOCK;
    weightGradientRange(job, instance, first, static_cast<int>(smaller(tileBlocks, job.outBlocks - first)), c0,
                        static_cast<int>(smaller(job.channels, c0 + groupBlocks * BLOCK)), pairGroup * groupPairs, (pairGroup + 1) * groupPairs);
  });
}

static void weightGradientOf(Context& context, const Box& box, const Activations& x, const Activations& dy, float* dw) {
  if (box.kernel[0] == 3 && suitsWinograd(box, x.c, dy)) return winogradWeightGradient(context, x, dy, box.instances, dw);
  WeightGradient job{};
  job.x = volumeOf(x);
  job.dy = volumeOf(dy);
  job.batch = static_cast<int>(x.n / box.instances);
  job.channels = static_cast<int>(x.c);
  job.outBlocks = static_cast<int>(dy.blocks);
  job.kernelW = box.kernel[2];
  job.dw = dw;
  job.dwTap = x.c * BLOCK;
  job.dwBlock = job.dwTap * box.taps();
  job.dwInstance = job.dwBlock * dy.blocks;
  const bool single = suitsPaddedChannel(x, box);
  if (single) {
    job.x = paddedChannel(context, x, box);
    job.channels = box.kernel[2];
  }
  if (context.measuring) return;
  if (box.pointwise()) {
    flatten(job.x);
    flatten(job.dy);
  }
  job.d = forwardAxis(job.dy.d, box.kernel[0], box.stride[0], single ? 0 : box.padding[0]).of[0];
  job.h = forwardAxis(job.dy.h, box.kernel[1], box.stride[1], single ? 0 : box.padding[1]).of[0];
  job.w = forwardAxis(job.dy.w, single ? 1 : box.kernel[2], box.stride[2], single ? 0 : box.padding[2]).of[0];
  weightGradient(context, job, box.instances);
}

static void convolutionGradients(Context& context, const Box& box, const Step& step) {
  const Activations x = activations(context, step.inputs[0]), dy = activations(context, step.inputs[1]);
  channelSums(context, dy, box.instances, floatsOf(context, step.outputs[1]));
  weightGradientOf(context, box, x, dy, floatsOf(context, step.outputs[0]));
}
static void runConv3dGradWeight(Context& context, const Step& step) { convolutionGradients(context, cubeOf(step), step); }
static void runBoxConv3dGradWeight(Context& context, const Step& step) { convolutionGradients(context, boxOf(step), step); }

/** The transposed convolution's weights are those of the convolution from dy to x. */
static void runTransposedConv3dGradWeight(Context& context, const Step& step) {
  const Activations x = activations(context, step.inputs[0]), dy = activations(context, step.inputs[1]);
  channelSums(context, dy, 1, floatsOf(context, step.outputs[1]));
  weightGradientOf(context, blockOf(step), dy, x, floatsOf(context, step.outputs[0]));
}
