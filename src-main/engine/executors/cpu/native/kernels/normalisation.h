// Batch, instance and layer normalisation. Sums are taken in float over pieces of at most `normChunk` voxels and joined in double; variances are
// taken about each piece's own mean (Chan et al.), so that a large mean costs no digits.

constexpr int64_t normChunk = 512;

/** The coefficients of one block, zero in the padding lanes so that those stay zero. */
LOGONET_INLINE Vec channelVector(const float* values, const Activations& a, int64_t instance, int64_t block) {
  Vec v{};
  for (int lane = 0; lane < a.lanes(block); lane++) v[lane] = values[instance * a.c + block * BLOCK + lane];
  return v;
}
LOGONET_INLINE Vec inverseDeviation(const float* variance, double epsilon, const Activations& a, int64_t instance, int64_t block) {
  Vec v{};
  for (int lane = 0; lane < a.lanes(block); lane++)
    v[lane] = static_cast<float>(1.0 / __builtin_sqrt(static_cast<double>(variance[instance * a.c + block * BLOCK + lane]) + epsilon));
  return v;
}

/** f over the voxels of a piece with four independent accumulators per sum. */
template <int Sums, class F>
LOGONET_INLINE void sumVoxels(int64_t begin, int64_t end, Vec (&total)[Sums], const F& f) {
  Vec sum[4][Sums] = {};
  int64_t v = begin;
  for (; v + 4 <= end; v += 4) unroll<4>([&](auto i) LOGONET_LAMBDA { f(v + i, sum[i]); });
  for (; v < end; v++) f(v, sum[0]);
  for (int s = 0; s < Sums; s++) total[s] = (sum[0][s] + sum[1][s]) + (sum[2][s] + sum[3][s]);
}

/** Mean and biased variance (instances, C) over an instance's samples and voxels. */
static void channelMoments(Context& context, const Activations& x, int64_t instances, float* means, float* variances) {
  const int64_t batch = x.n / instances, chunks = ceilDivide(x.voxels, normChunk);
  float* partial = claim<float>(context, x.n * x.blocks * chunks * 2 * BLOCK);
  if (context.measuring) return;
  forChunks(context, x, normChunk, 4, [&](int64_t n, int64_t b, int64_t begin, int64_t end) {
    const float* from = x.block(n, b);
    Vec sum[1], squares[1];
    sumVoxels(begin, end, sum, [&](int64_t v, Vec* s) LOGONET_LAMBDA { s[0] += load(from + v * BLOCK); });
    const Vec mean = sum[0] / static_cast<float>(end - begin);
    sumVoxels(begin, end, squares, [&](int64_t v, Vec* s) LOGONET_LAMBDA {
      const Vec difference = load(from + v * BLOCK) - mean;
      s[0] += difference * difference;
    });
    float* to = partial + ((n * x.blocks + b) * chunks + begin / normChunk) * 2 * BLOCK;
    store(to, mean);
    store(to + BLOCK, squares[0]);
  });
  parallelFor(context, instances * x.c, batch * chunks * 16, [&](int64_t item) {
    const int64_t g = item / x.c, c = item % x.c;
    double count = 0, mean = 0, squares = 0;
    for (int64_t n = g * batch; n < (g + 1) * batch; n++)
      for (int64_t q = 0; q < chunks; q++) {
        const float* at = partial + ((n * x.blocks + c / BLOCK) * chunks + q) * 2 * BLOCK + c % BLOCK;
        const double here = static_cast<double>(smaller(x.voxels, (q + 1) * normChunk) - q * normChunk);
        const double difference = at[0] - mean, total = count + here;
        mean += difference * here / total;
        squares += at[BLOCK] + difference * difference * count * here / total;
        count = total;
      }
    means[item] = static_cast<float>(mean);
    variances[item] = static_cast<float>(squares / count);
  });
}

static void runBatchNormStatistics(Context& context, const Step& step) {
  channelMoments(context, activations(context, step.inputs[0]), step.integers[0], floatsOf(context, step.outputs[0]), floatsOf(context, step.outputs[1]));
}

/** What a norm by channel multiplies and adds. Means and variances are (instances, C); gamma and beta too, or (1, C) for all where `shared`. */
struct ChannelNorm {
  int64_t instances;
  bool shared;
  int activation;
  double epsilon;
  const float *means, *variances, *gammas, *betas;
};

static void normApply(Context& context, const ChannelNorm& norm, const Activations& x, const Activations& y) {
  const int64_t batch = x.n / norm.instances;
  withActivation(norm.activation, [&](auto kind) {
    forChunks(context, x, 2048, 2, [&](int64_t n, int64_t b, int64_t begin, int64_t end) {
      const int64_t g = n / batch, p = norm.shared ? 0 : g;
      const Vec scale = channelVector(norm.gammas, x, p, b) * inverseDeviation(norm.variances, norm.epsilon, x, g, b);
      const Vec mean = channelVector(norm.means, x, g, b), beta = channelVector(norm.betas, x, p, b);
      const float* from = x.block(n, b);
      float* to = y.block(n, b);
      for (int64_t v = begin; v < end; v++) store(to + v * BLOCK, activate<decltype(kind)::value>((load(from + v * BLOCK) - mean) * scale + beta));
    });
  });
}

static ChannelNorm batchNormOf(Context& context, const Step& step, int first) {
  return {step.integers[0], false, step.integers[1], step.reals[0], floatsOf(context, step.inputs[first]), floatsOf(context, step.inputs[first + 1]),
          floatsOf(context, step.inputs[first + 2]), floatsOf(context, step.inputs[first + 3])};
}

static void runBatchNormApply(Context& context, const Step& step) {
  if (context.measuring) return;
  normApply(context, batchNormOf(context, step, 1), activations(context, step.inputs[0]), activations(context, step.outputs[0]));
}

/** Per instance and channel, with g = dy·activation′(z): dBeta = Σg, dGamma = Σ g·x̂. */
static void normGradStatistics(Context& context, const ChannelNorm& norm, const Activations& dy, const Activations& x, float* dGamma, float* dBeta) {
  const int64_t instances = norm.instances, batch = x.n / instances, chunks = ceilDivide(x.voxels, normChunk);
  float* partial = claim<float>(context, x.n * x.blocks * chunks * 2 * BLOCK);
  if (context.measuring) return;
  withActivation(norm.activation, [&](auto kind) {
    forChunks(context, x, normChunk, 4, [&](int64_t n, int64_t b, int64_t begin, int64_t end) {
      const int64_t g = n / batch, p = norm.shared ? 0 : g;
      const Vec inverse = inverseDeviation(norm.variances, norm.epsilon, x, g, b), mean = channelVector(norm.means, x, g, b);
      const Vec gamma = channelVector(norm.gammas, x, p, b), beta = channelVector(norm.betas, x, p, b);
      const float *values = x.block(n, b), *gradients = dy.block(n, b);
      Vec sum[2];
      sumVoxels(begin, end, sum, [&](int64_t v, Vec* s) LOGONET_LAMBDA {
        const Vec normal = (load(values + v * BLOCK) - mean) * inverse;
        const Vec gradient = load(gradients + v * BLOCK) * activationSlope<decltype(kind)::value>(normal * gamma + beta);
        s[0] += gradient * normal;
        s[1] += gradient;
      });
      float* to = partial + ((n * x.blocks + b) * chunks + begin / normChunk) * 2 * BLOCK;
      store(to, sum[0]);
      store(to + BLOCK, sum[1]);
    });
  });
  parallelFor(context, instances * x.c, batch * chunks * 8, [&](int64_t item) {
    const int64_t g = item / x.c, c = item % x.c;
    double products = 0, gradients = 0;
    for (int64_t n = g * batch; n < (g + 1) * batch; n++)
      for (int64_t q = 0; q < chunks; q++) {
        const float* at = partial + ((n * x.blocks + c / BLOCK) * chunks + q) * 2 * BLOCK + c % BLOCK;
        products += at[0];
        gradients += at[BLOCK];
      }
    dGamma[item] = static_cast<float>(products);
    dBeta[item] = static_cast<float>(gradients);
  });
}

static void runBatchNormGradStatistics(Context& context, const Step& step) {
  normGradStatistics(context, batchNormOf(context, step, 2), activations(context, step.inputs[0]), activations(context, step.inputs[1]), floatsOf(context, step.outputs[0]),
                     floatsOf(context, step.outputs[1]));
}

/** dx = gamma/√(variance+ε)·(g − dBeta/M − x̂·dGamma/M); dGamma and dBeta are (instances, C). */
static void normGradInput(Context& context, const ChannelNorm& norm, const Activations& dy, const Activations& x, const Activations& dx, const float* dGammas, const float* dBetas) {
  const int64_t batch = x.n / norm.instances;
  const float perValue = 1.0f / static_cast<float>(batch * x.voxels);
  withActivation(norm.activation, [&](auto kind) {
    forChunks(context, x, 2048, 4, [&](int64_t n, int64_t b, int64_t begin, int64_t end) {
      const int64_t g = n / batch, p = norm.shared ? 0 : g;
      const Vec inverse = inverseDeviation(norm.variances, norm.epsilon, x, g, b), mean = channelVector(norm.means, x, g, b);
      const Vec gamma = channelVector(norm.gammas, x, p, b), beta = channelVector(norm.betas, x, p, b);
      const Vec shift = channelVector(dBetas, x, g, b) * perValue, slope = channelVector(dGammas, x, g, b) * perValue, scale = gamma * inverse;
      const float *values = x.block(n, b), *gradients = dy.block(n, b);
      float* to = dx.block(n, b);
      for (int64_t v = begin; v < end; v++) {
        const Vec normal = (load(values + v * BLOCK) - mean) * inverse;
        const Vec gradient = load(gradients + v * BLOCK) * activationSlope<decltype(kind)::value>(normal * gamma + beta);
        store(to + v * BLOCK, scale * (gradient - shift - normal * slope));
      }
    });
  });
}

static void runBatchNormGradInput(Context& context, const Step& step) {
  if (context.measuring) return;
  normGradInput(context, batchNormOf(context, step, 2), activations(context, step.inputs[0]), activations(context, step.inputs[1]), activations(context, step.outputs[0]),
                floatsOf(context, step.inputs[6]), floatsOf(context, step.inputs[7]));
}

/** Every sample is an instance of its own, and all share gamma and beta. */
static ChannelNorm instanceNormOf(Context& context, const Step& step, const Activations& x, int gammaInput, float* moments) {
  return {x.n, true, step.integers[0], step.reals[0], moments, moments + x.n * x.c, floatsOf(context, step.inputs[gammaInput]), floatsOf(context, step.inputs[gammaInput + 1])};
}

static void runInstanceNorm(Context& context, const Step& step) {
  const Activations x = activations(context, step.inputs[0]), y = activations(context, step.outputs[0]);
  float* moments = claim<float>(context, 2 * x.n * x.c);
  channelMoments(context, x, x.n, moments, moments + x.n * x.c);
  if (context.measuring) return;
  normApply(context, instanceNormOf(context, step, x, 1, moments), x, y);
}

static void runInstanceNormGrad(Context& context, const Step& step) {
  const Activations dy = activations(context, step.inputs[0]), x = activations(context, step.inputs[1]), dx = activations(context, step.outputs[0]);
  const int64_t rows = x.n * x.c;
  float *moments = claim<float>(context, 2 * rows), *gradients = claim<float>(context, 2 * rows);
  channelMoments(context, x, x.n, moments, moments + rows);
  const ChannelNorm norm = instanceNormOf(context, step, x, 2, moments);
  normGradStatistics(context, norm, dy, x, gradients, gradients + rows);
  if (context.measuring) return;
  normGradInput(context, norm, dy, x, dx, gradients, gradients + rows);
  float *dGamma = floatsOf(context, step.outputs[1]), *dBeta = floatsOf(context, step.outputs[2]);
  for (int64_t c = 0; c < x.c; c++) {
    double gammaSum = 0, betaSum = 0;
    for (int64_t n = 0; n < x.n; n++) {
      gammaSum += gradients[n * x.c + c];
      betaSum += gradients[rows + n * x.c + c];
    }
    dGamma[c] = static_cast<float>(gammaSum);
    dBeta[c] = static_cast<float>(betaSum);
  }
}

static void runRunningStatisticsUpdate(Context& context, const Step& step) {
  if (context.measuring) return;
  const float momentum = static_cast<float>(step.reals[0]);
  const double count = step.integers[0];
  const float unbiased = static_cast<float>(count > 1 ? count / (count - 1) : 1.0);
  const float *runningMean = floatsOf(context, step.inputs[0]), *runningVariance = floatsOf(context, step.inputs[1]);
  const float *mean = floatsOf(context, step.inputs[2]), *variance = floatsOf(context, step.inputs[3]);
  float *nextMean = floatsOf(context, step.outputs[0]), *nextVariance = floatsOf(context, step.outputs[1]);
  const int64_t channels = elements(step.inputs[0]);
  for (int64_t i = 0; i < channels; i++) {
    nextMean[i] = (1 - momentum) * runningMean[i] + momentum * mean[i];
    nextVariance[i] = (1 - momentum) * runningVariance[i] + momentum * unbiased * variance[i];
  }
}

/** Voxels whose channel sums are held together. */
constexpr int layerChunk = 32;

/** Mean and 1/√(variance+ε) over the channels of voxels [begin, end) of one sample. */
LOGONET_INLINE void layerStatistics(const Activations& x, int64_t n, int64_t begin, int64_t end, float epsilon, float* means, float* inverses) {
  Vec sum[layerChunk];
  for (int64_t v = begin; v < end; v++) sum[v - begin] = Vec{};
  for (int64_t b = 0; b < x.blocks; b++)
    for (int64_t v = begin; v < end; v++) sum[v - begin] += load(x.block(n, b) + v * BLOCK);
  for (int64_t v = begin; v < end; v++) {
    means[v - begin] = sumOf(sum[v - begin]) / static_cast<float>(x.c);
    sum[v - begin] = Vec{};
  }
  for (int64_t b = 0; b < x.blocks; b++) {
    const IntVec real = firstLanes(x.lanes(b));
    for (int64_t v = begin; v < end; v++) {
      const Vec difference = select(real, load(x.block(n, b) + v * BLOCK) - means[v - begin], Vec{});
      sum[v - begin] += difference * difference;
    }
  }
  for (int64_t v = begin; v < end; v++) inverses[v - begin] = 1.0f / __builtin_sqrtf(sumOf(sum[v - begin]) / static_cast<float>(x.c) + epsilon);
}

static void runLayerNorm(Context& context, const Step& step) {
  if (context.measuring) return;
  const Activations x = activations(context, step.inputs[0]), y = activations(context, step.outputs[0]);
  const int64_t batch = x.n / step.integers[0], chunks = ceilDivide(x.voxels, layerChunk);
  const float *gammas = floatsOf(context, step.inputs[1]), *betas = floatsOf(context, step.inputs[2]);
  const float epsilon = static_cast<float>(step.reals[0]);
  parallelFor(context, x.n * chunks, layerChunk * x.c * 6, [&](int64_t item) {
    const int64_t n = item / chunks, begin = item % chunks * layerChunk, end = smaller(x.voxels, begin + layerChunk);
    float means[layerChunk], inverses[layerChunk];
    layerStatistics(x, n, begin, end, epsilon, means, inverses);
    for (int64_t b = 0; b < x.blocks; b++) {
      const Vec gamma = channelVector(gammas, x, n / batch, b), beta = channelVector(betas, x, n / batch, b);
      for (int64_t v = begin; v < end; v++)
        store(y.block(n, b) + v * BLOCK, (load(x.block(n, b) + v * BLOCK) - means[v - begin]) * inverses[v - begin] * gamma + beta);
    }
  });
}

static void runLayerNormGrad(Context& context, const Step& step) {
  const Activations dy = activations(context, step.inputs[0]), x = activations(context, step.inputs[1]), dx = activations(context, step.outputs[0]);
  // Pieces of fixed size, each with its own sums of dGamma and dBeta.
  constexpr int64_t piece = 16 * layerChunk;
  const int64_t instances = step.integers[0], batch = x.n / instances, pieces = ceilDivide(x.voxels, piece), width = x.blocks * BLOCK;
  float* partial = claim<float>(context, x.n * pieces * 2 * width);
  if (context.measuring) return;
  const float* gammas = floatsOf(context, step.inputs[2]);
  const float epsilon = static_cast<float>(step.reals[0]), perChannel = 1.0f / static_cast<float>(x.c);
  parallelFor(context, x.n * pieces, piece * x.c * 12, [&](int64_t item) {
    const int64_t n = item / pieces, last = smaller(x.voxels, (item % pieces + 1) * piece);
    float* dGamma = partial + item * 2 * width;
    float* dBeta = dGamma + width;
    for (int64_t i = 0; i < 2 * width; i++) dGamma[i] = 0.0f;
    for (int64_t begin = item % pieces * piece; begin < last; begin += layerChunk) {
      const int64_t end = smaller(last, begin + layerChunk);
      float means[layerChunk], inverses[layerChunk], gradientMeans[layerChunk], productMeans[layerChunk];
      layerStatistics(x, n, begin, end, epsilon, means, inverses);
      Vec gradients[layerChunk], products[layerChunk];
      for (int64_t v = begin; v < end; v++) gradients[v - begin] = products[v - begin] = Vec{};
      for (int64_t b = 0; b < x.blocks; b++) {
        const Vec gamma = channelVector(gammas, x, n / batch, b);
        Vec gammaSum{}, betaSum{};
        for (int64_t v = begin; v < end; v++) {
          const Vec normal = (load(x.block(n, b) + v * BLOCK) - means[v - begin]) * inverses[v - begin], gradient = load(dy.block(n, b) + v * BLOCK);
          gammaSum += gradient * normal;
          betaSum += gradient;
          gradients[v - begin] += gradient * gamma;
          products[v - begin] += gradient * gamma * normal;
        }
        store(dGamma + b * BLOCK, load(dGamma + b * BLOCK) + gammaSum);
        store(dBeta + b * BLOCK, load(dBeta + b * BLOCK) + betaSum);
      }
      for (int64_t v = begin; v < end; v++) {
        gradientMeans[v - begin] = sumOf(gradients[v - begin]) * perChannel;
        productMeans[v - begin] = sumOf(products[v - begin]) * perChannel;
      }
      for (int64_t b = 0; b < x.blocks; b++) {
        const Vec gamma = channelVector(gammas, x, n / batch, b);
        const IntVec real = firstLanes(x.lanes(b));
        for (int64_t v = begin; v < end; v++) {
          const int64_t i = v - begin;
          const Vec normal = (load(x.block(n, b) + v * BLOCK) - means[i]) * inverses[i];
          const Vec result = (load(dy.block(n, b) + v * BLOCK) * gamma - gradientMeans[i] - normal * productMeans[i]) * inverses[i];
          store(dx.block(n, b) + v * BLOCK, select(real, result, Vec{}));
        }
      }
    }
  });
  float* dGamma = floatsOf(context, step.outputs[1]);
  float* dBeta = floatsOf(context, step.outputs[2]);
  for (int64_t g = 0; g < instances; g++)
    for (int64_t c = 0; c < x.c; c++) {
      double gammaSum = 0, betaSum = 0;
      for (int64_t item = g * batch * pieces; item < (g + 1) * batch * pieces; item++) {
        gammaSum += partial[item * 2 * width + c];
        betaSum += partial[item * 2 * width + width + c];
      }
      dGamma[g * x.c + c] = static_cast<float>(gammaSum);
      dBeta[g * x.c + c] = static_cast<float>(betaSum);
    }
}
