// Depthwise convolution: stride 1, odd kernel, dilation; padding keeps the size.

/** Results along W (of one residue class of the dilation) that stay in registers together with the kernel's row of weights. */
constexpr int depthwiseRun(int kernel) { return BLOCK == 16 ? 16 : kernel == 7 ? 8 : kernel == 5 ? 8 : 8; }

struct Depthwise {
  Activations x, y;
  const float* w;
  const float* bias;
  int dilation, batch;
};

/** The i-th of n positions when they are visited residue by residue: 0, dil, 2·dil, …, 1, 1+dil, …: neighbours share their taps' planes. */
inline int64_t residueOrder(int64_t i, int64_t n, int64_t dilation) {
  for (int64_t r = 0; r < dilation; r++) {
    const int64_t members = (n - r + dilation - 1) / dilation;
    if (i < members) return r + i * dilation;
    i -= members;
  }
  return i;
}

template <int K>
static void depthwisePlane(const Depthwise& job, int64_t sample, int64_t block, int64_t d) {
  constexpr int J = depthwiseRun(K), R = K / 2;
  const int64_t dilation = job.dilation, depth = job.x.d, height = job.x.h, width = job.x.w, row = width * BLOCK, plane = row * height;
  const int64_t instance = sample / job.batch;
  const float* x = job.x.block(sample, block);
  float* y = job.y.block(sample, block) + d * plane;
  const float* w = job.w + (instance * job.x.blocks + block) * K * K * K * BLOCK;
  Vec bias{};
  if (job.bias)
    for (int lane = 0; lane < job.x.lanes(block); lane++) bias[lane] = job.bias[instance * job.x.c + block * BLOCK + lane];
  for (int64_t i = 0; i < height; i++) {
    const int64_t h = residueOrder(i, height, dilation);
    for (int64_t r = 0; r < dilation && r < width; r++) {
      const int64_t members = (width - r + dilation - 1) / dilation;
      for (int64_t j0 = 0; j0 < members; j0 += J) {
        Vec sum[J];
        unroll<J>([&](auto j) LOGONET_LAMBDA { sum[j] = bias; });
        // 343 products in one sum lose digits: each plane of taps has its own.
        Vec total[J];
        if constexpr (K == 7) unroll<J>([&](auto j) LOGONET_LAMBDA { total[j] = Vec{}; });
        const int64_t low = R - j0, high = members - j0 + R;
        for (int kd = 0; kd < K; kd++) {
          const int64_t id = d + (kd - R) * dilation;
          if (id < 0 || id >= depth) continue;
          for (int kh = 0; kh < K; kh++) {
            const int64_t ih = h + (kh - R) * dilation;
            if (ih < 0 || ih >= height) continue;
            const float* weights = w + (kd * K + kh) * K * BLOCK;
            const float* from = x + id * plane + ih * row + (r + (j0 - R) * dilation) * BLOCK;
            Vec weight[K];
            unroll<K>([&](auto k) LOGONET_LAMBDA { weight[k] = load(weights + k * BLOCK); });
            unroll<J + K - 1>([&](auto i) LOGONET_LAMBDA {
              if (i >= low && i < high) {
                const Vec value = load(from + i * dilation * BLOCK);
                unroll<K>([&](auto k) LOGONET_LAMBDA {
                  constexpr int j = decltype(i)::value - decltype(k)::value;
                  if constexpr (j >= 0 && j < J) sum[j] += weight[k] * value;
                });
              }
            });
          }
          if constexpr (K == 7)
            unroll<J>([&](auto j) LOGONET_LAMBDA {
              total[j] += sum[j];
              sum[j] = Vec{};
            });
        }
        if constexpr (K == 7) unroll<J>([&](auto j) LOGONET_LAMBDA { sum[j] = total[j]; });
        float* to = y + h * row + (r + j0 * dilation) * BLOCK;
        unroll<J>([&](auto j) LOGONET_LAMBDA {
          if (j0 + j < members) store(to + j * dilation * BLOCK, sum[j]);
        });
      }
    }
  }
}

static void depthwise(Context& context, const Depthwise& job, int kernel) {
  const int64_t depth = job.x.d;
  parallelFor(context, job.x.n * job.x.blocks * depth, 2LL * kernel * kernel * kernel * job.x.h * job.x.w * BLOCK, [&](int64_t item) {
    const int64_t d = residueOrder(item % depth, depth, job.dilation), block = item / depth % job.x.blocks, sample = item / depth / job.x.blocks;
    switch (kernel) {
      case 3: return depthwisePlane<3>(job, sample, block, d);
      case 5: return depthwisePlane<5>(job, sample, block, d);
      default: return depthwisePlane<7>(job, sample, block, d);
    }
  });
}

static void runDepthwiseConv3d(Context& context, const Step& step) {
  const int kernel = step.integers[0], dilation = step.integers[1], instances = step.integers[2];
  if (context.measuring) return;
  const Activations x = activations(context, step.inputs[0]);
  depthwise(context, {x, activations(context, step.outputs[0]), floatsOf(context, step.inputs[1]), floatsOf(context, step.inputs[2]), dilation, static_cast<int>(x.n / instances)}, kernel);
}

static void runDepthwiseConv3dGradInput(Context& context, const Step& step) {
  const int kernel = step.integers[0], dilation = step.integers[1], instances = step.integers[2];
  const Activations dy = activations(context, step.inputs[0]);
  const int64_t taps = static_cast<int64_t>(kernel) * kernel * kernel, slices = instances * dy.blocks;
  float* flipped = claim<float>(context, slices * taps * BLOCK);
  if (context.measuring) return;
  const float* w = floatsOf(context, step.inputs[1]);
  for (int64_t s = 0; s < slices; s++)
    for (int64_t t = 0; t < taps; t++) store(flipped + (s * taps + t) * BLOCK, load(w + (s * taps + taps - 1 - t) * BLOCK));
  depthwise(context, {dy, activations(context, step.outputs[0]), flipped, nullptr, dilation, static_cast<int>(dy.n / instances)}, kernel);
}

/** dW of one kernel plane kd of one channel block: K sums stay in registers over all rows that the taps (kd, kh, ·) see. */
template <int K>
static void depthwiseWeightPlane(const Activations& x, const Activations& dy, int64_t dilation, int64_t firstSample, int64_t endSample, int64_t block, int kd, float* dw) {
  constexpr int J = BLOCK == 16 ? 16 : 8, R = K / 2;
  const int64_t depth = x.d, height = x.h, width = x.w, row = width * BLOCK, plane = row * height;
  for (int i = 0; i < K * K * BLOCK; i++) dw[i] = 0.0f;
  for (int64_t n = firstSample; n < endSample; n++)
    for (int64_t d = 0; d < depth; d++) {
      const int64_t id = d + (kd - R) * dilation;
      if (id < 0 || id >= depth) continue;
      const float* xPlane = x.block(n, block) + id * plane;
      const float* gPlane = dy.block(n, block) + d * plane;
      for (int kh = 0; kh < K; kh++) {
        Vec sum[K];
        unroll<K>([&](auto k) LOGONET_LAMBDA { sum[k] = load(dw + (kh * K + k) * BLOCK); });
        const int64_t offset = (kh - R) * dilation, firstRow = larger(0, -offset), endRow = smaller(height, height - offset);
        for (int64_t h = firstRow; h < endRow; h++)
          for (int64_t r = 0; r < dilation && r < width; r++) {
            const int64_t members = (width - r + dilation - 1) / dilation;
            for (int64_t j0 = 0; j0 < members; j0 += J) {
              const float* from = xPlane + (h + offset) * row + (r + (j0 - R) * dilation) * BLOCK;
              const float* gradients = gPlane + h * row + (r + j0 * dilation) * BLOCK;
              Vec gradient[J];
              unroll<J>([&](auto j) LOGONET_LAMBDA { gradient[j] = j0 + j < members ? load(gradients + j * dilation * BLOCK) : Vec{}; });
              const int64_t low = R - j0, high = members - j0 + R;
              unroll<J + K - 1>([&](auto i) LOGONET_LAMBDA {
                if (i >= low && i < high) {
                  const Vec value = load(from + i * dilation * BLOCK);
                  unroll<K>([&](auto k) LOGONET_LAMBDA {
                    constexpr int j = decltype(i)::value - decltype(k)::value;
                    if constexpr (j >= 0 && j < J) sum[k] += gradient[j] * value;
                  });
                }
              });
            }
          }
        unroll<K>([&](auto k) LOGONET_LAMBDA { store(dw + (kh * K + k) * BLOCK, sum[k]); });
      }
    }
}

static void runDepthwiseConv3dGradWeight(Context& context, const Step& step) {
  const int kernel = step.integers[0], dilation = step.integers[1], instances = step.integers[2];
  const Activations x = activations(context, step.inputs[0]), dy = activations(context, step.inputs[1]);
  channelSums(context, dy, instances, floatsOf(context, step.outputs[1]));
  if (context.measuring) return;
  const int64_t batch = x.n / instances, taps = static_cast<int64_t>(kernel) * kernel * kernel;
  float* dw = floatsOf(context, step.outputs[0]);
  parallelFor(context, instances * x.blocks * kernel, 2LL * kernel * kernel * x.voxels * BLOCK * batch, [&](int64_t item) {
    const int kd = static_cast<int>(item % kernel);
    const int64_t slice = item / kernel, block = slice % x.blocks, first = slice / x.blocks * batch;
    float* to = dw + slice * taps * BLOCK + kd * kernel * kernel * BLOCK;
    switch (kernel) {
      case 3: return depthwiseWeightPlane<3>(x, dy, dilation, first, first + batch, block, kd, to);
      case 5: return depthwiseWeightPlane<5>(x, dy, dilation, first, first + batch, block, kd, to);
      default: return depthwiseWeightPlane<7>(x, dy, dilation, first, first + batch, block, kd, to);
    }
  });
}
