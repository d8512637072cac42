// Softmax and the two losses. Sums in double over fixed pieces.

constexpr int64_t lossChunk = 512;

/** Softmax over the channels of one voxel, in place of `p` (blocks·BLOCK floats, padding lanes zero); returns log Σ exp and the largest logit. */
struct LogSum {
  float largest, logarithm;
};
LOGONET_INLINE LogSum softmaxVoxel(const Activations& x, int64_t n, int64_t v, float* p) {
  float largest = -3.4e38f;
  for (int64_t b = 0; b < x.blocks; b++) {
    const Vec logits = load(x.block(n, b) + v * BLOCK);
    store(p + b * BLOCK, logits);
    const float m = maximumOf(select(firstLanes(x.lanes(b)), logits, splat(-3.4e38f)));
    largest = m > largest ? m : largest;
  }
  Vec sum{};
  for (int64_t b = 0; b < x.blocks; b++) {
    const Vec e = select(firstLanes(x.lanes(b)), exponential(load(p + b * BLOCK) - largest), Vec{});
    store(p + b * BLOCK, e);
    sum += e;
  }
  const float total = sumOf(sum);
  for (int64_t b = 0; b < x.blocks; b++) store(p + b * BLOCK, load(p + b * BLOCK) / total);
  return {largest, __builtin_logf(total)};
}

/** Channels that fit on a thread's stack per voxel; more classes than any label set has. */
constexpr int64_t maximumClassesOfLoss = 1024;

static void runSoftmax(Context& context, const Step& step) {
  if (context.measuring) return;
  const Activations x = activations(context, step.inputs[0]), y = activations(context, step.outputs[0]);
  const int64_t chunks = ceilDivide(x.voxels, lossChunk);
  parallelFor(context, x.n * chunks, lossChunk * x.c * 20, [&](int64_t item) {
    const int64_t n = item / chunks, begin = item % chunks * lossChunk, end = smaller(x.voxels, begin + lossChunk);
    float p[maximumClassesOfLoss];
    for (int64_t v = begin; v < end; v++) {
      softmaxVoxel(x, n, v, p);
      for (int64_t b = 0; b < x.blocks; b++) store(y.block(n, b) + v * BLOCK, load(p + b * BLOCK));
    }
  });
}

/** The attributes of the Dice cross entropy in their order. */
struct DiceCrossEntropy {
  double diceWeight, crossEntropyWeight, epsilon;
  bool overBatch;
  /** One per class, or null: 1 for all. */
  const double* weights;
  /** The class that each lies inside of, 0 where none; null: no class lies inside another. */
  const int32_t* inside;
  double weight(int64_t label) const { return weights ? weights[label] : 1.0; }
  int64_t outer(int64_t label) const { return inside ? inside[label] : 0; }
  /** By which the voxels of a class's region count, so that over all regions each voxel counts by its own class. */
  double regionWeight(int64_t label) const { return weight(label) - (outer(label) ? weight(outer(label)) : 0.0); }
  /** Calls body(region) for every region that holds a class, its own first. */
  template <class Body>
  LOGONET_INLINE void regionsAround(int64_t label, const Body& body) const {
    body(label);
    for (int64_t region = outer(label); region; region = outer(region)) body(region);
  }
};
LOGONET_INLINE DiceCrossEntropy diceCrossEntropyOf(const Step& step) {
  return {step.reals[0], step.reals[1], step.reals[2], step.integers[0] != 0, step.realCount > 3 ? step.reals + 3 : nullptr,
          step.integerCount > 1 ? step.integers + 1 : nullptr};
}

static void runDiceCrossEntropy(Context& context, const Step& step) {
  const DiceCrossEntropy rule = diceCrossEntropyOf(step);
  const Activations x = activations(context, step.inputs[0]);
  const int64_t chunks = ceilDivide(x.voxels, lossChunk), width = x.blocks * BLOCK, record = 3 * width + BLOCK;
  float* partial = claim<float>(context, x.n * chunks * record);
  if (context.measuring) return;
  const int32_t* labels = integersOf(context, step.inputs[1]);
  parallelFor(context, x.n * chunks, lossChunk * x.c * 24, [&](int64_t item) {
    const int64_t n = item / chunks, begin = item % chunks * lossChunk, end = smaller(x.voxels, begin + lossChunk);
    float p[maximumClassesOfLoss], regions[maximumClassesOfLoss];
    const float* of = rule.inside ? regions : p;
    float *both = partial + item * record, *predicted = both + width, *truth = predicted + width, *entropy = truth + width;
    for (int64_t i = 0; i < record; i++) both[i] = 0.0f;
    float sum = 0;
    for (int64_t v = begin; v < end; v++) {
      const LogSum total = softmaxVoxel(x, n, v, p);
      if (rule.inside) {
        for (int64_t b = 0; b < x.blocks; b++) store(regions + b * BLOCK, load(p + b * BLOCK));
        for (int64_t c = 1; c < x.c; c++)
          for (int64_t region = rule.outer(c); region; region = rule.outer(region)) regions[region] += p[c];
      }
      for (int64_t b = 0; b < x.blocks; b++) store(predicted + b * BLOCK, load(predicted + b * BLOCK) + load(of + b * BLOCK));
      const int64_t label = labels[n * x.voxels + v];
      rule.regionsAround(label, [&](int64_t region) {
        both[region] += of[region];
        truth[region] += 1.0f;
      });
      sum += static_cast<float>(rule.weight(label)) * (total.largest + total.logarithm - x.block(n, label / BLOCK)[v * BLOCK + label % BLOCK]);
    }
    entropy[0] = sum;
  });
  float* sums = floatsOf(context, step.outputs[3]);
  const int64_t groups = rule.overBatch ? 1 : x.n, pieces = x.n / groups * chunks;
  double entropy = 0, dice = 0, weight = 0;
  for (int64_t q = 0; q < x.n * chunks; q++) entropy += partial[q * record + 3 * width];
  for (int64_t g = 0; g < groups; g++)
    for (int64_t c = 0; c < x.c; c++) {
      double total[3] = {};
      for (int64_t q = 0; q < pieces; q++)
        for (int i = 0; i < 3; i++) total[i] += partial[(g * pieces + q) * record + i * width + c];
      for (int i = 0; i < 3; i++) sums[(g * x.c + c) * 3 + i] = static_cast<float>(total[i]);
      dice += (2 * total[0] + rule.epsilon) / (total[1] + total[2] + rule.epsilon);
      weight += rule.regionWeight(c) * total[2];
    }
  dice /= static_cast<double>(groups * x.c);
  entropy /= weight;
  *floatsOf(context, step.outputs[0]) = static_cast<float>(rule.diceWeight * (1 - dice) + rule.crossEntropyWeight * entropy);
  *floatsOf(context, step.outputs[1]) = static_cast<float>(1 - dice);
  *floatsOf(context, step.outputs[2]) = static_cast<float>(entropy);
}

/** What the gradient of a loss is multiplied by: input `at` where there is one, else 1. */
LOGONET_INLINE double upstreamOf(Context& context, const Step& step, int32_t at) {
  return step.inputCount > at ? *floatsOf(context, step.inputs[at]) : 1.0;
}

static void runDiceCrossEntropyGrad(Context& context, const Step& step) {
  if (context.measuring) return;
  const DiceCrossEntropy rule = diceCrossEntropyOf(step);
  const Activations x = activations(context, step.inputs[0]), dx = activations(context, step.outputs[0]);
  const int32_t* labels = integersOf(context, step.inputs[1]);
  const float* sums = floatsOf(context, step.inputs[2]);
  const int64_t chunks = ceilDivide(x.voxels, lossChunk), groups = rule.overBatch ? 1 : x.n;
  const double upstream = upstreamOf(context, step, 3), perClass = upstream * rule.diceWeight / static_cast<double>(groups * x.c);
  double weight = 0;
  for (int64_t row = 0; row < groups * x.c; row++) weight += rule.regionWeight(row % x.c) * sums[row * 3 + 2];
  parallelFor(context, x.n * chunks, lossChunk * x.c * 30, [&](int64_t item) {
    const int64_t n = item / chunks, begin = item % chunks * lossChunk, end = smaller(x.voxels, begin + lossChunk);
    // d(1 − Dice)/dp = atTruth for the true class, elsewhere for the others.
    float p[maximumClassesOfLoss], elsewhere[maximumClassesOfLoss] = {}, atTruth[maximumClassesOfLoss] = {};
    for (int64_t c = 0; c < x.c; c++) {
      const float* s = sums + ((rule.overBatch ? 0 : n) * x.c + c) * 3;
      const double above = 2.0 * s[0] + rule.epsilon, below = static_cast<double>(s[1]) + s[2] + rule.epsilon;
      elsewhere[c] = static_cast<float>(perClass * above / (below * below));
      atTruth[c] = static_cast<float>(perClass * (above / (below * below) - 2 / below));
    }
    for (int64_t v = begin; v < end; v++) {
      softmaxVoxel(x, n, v, p);
      const int64_t label = labels[n * x.voxels + v];
      const float perVoxel = static_cast<float>(upstream * rule.crossEntropyWeight * rule.weight(label) / weight);
      Vec sum{};
      if (rule.inside) {
        // A class's probability is part of that of every region around it.
        float slope[maximumClassesOfLoss], holds[maximumClassesOfLoss];
        for (int64_t b = 0; b < x.blocks; b++) store(holds + b * BLOCK, Vec{}), store(slope + b * BLOCK, Vec{});
        rule.regionsAround(label, [&](int64_t region) { holds[region] = 1.0f; });
        for (int64_t c = 0; c < x.c; c++)
          rule.regionsAround(c, [&](int64_t region) { slope[c] += holds[region] ? atTruth[region] : elsewhere[region]; });
        for (int64_t b = 0; b < x.blocks; b++) sum += load(p + b * BLOCK) * load(slope + b * BLOCK);
        const float mean = sumOf(sum);
        for (int64_t b = 0; b < x.blocks; b++)
          store(dx.block(n, b) + v * BLOCK, load(p + b * BLOCK) * (load(slope + b * BLOCK) - mean + perVoxel));
        dx.block(n, label / BLOCK)[v * BLOCK + label % BLOCK] -= perVoxel;
        continue;
      }
      for (int64_t b = 0; b < x.blocks; b++) sum += load(p + b * BLOCK) * load(elsewhere + b * BLOCK);
      const float difference = atTruth[label] - elsewhere[label], mean = sumOf(sum) + p[label] * difference, pLabel = p[label];
      for (int64_t b = 0; b < x.blocks; b++)
        store(dx.block(n, b) + v * BLOCK, load(p + b * BLOCK) * (load(elsewhere + b * BLOCK) - mean + perVoxel));
      dx.block(n, label / BLOCK)[v * BLOCK + label % BLOCK] += pLabel * difference - perVoxel;
    }
  });
}

/** logits (B,Z,N,K,1): the K values of (b, z, n) lie BLOCK floats apart. */
template <bool Gradient>
static void runPseudoLabel(Context& context, const Step& step) {
  const Activations x = activations(context, step.inputs[0]);
  const int64_t rows = x.n * x.c * x.d, clusters = x.h;
  double* partial = claim<double>(context, Gradient ? 0 : rows);
  float* probabilities = claim<float>(context, Gradient ? rows * clusters : 0);
  if (context.measuring) return;
  const int32_t *pseudo = integersOf(context, step.inputs[1]), *masked = integersOf(context, step.inputs[2]);
  const double temperature = step.reals[0], upstream = Gradient ? upstreamOf(context, step, 3) : 1.0;
  if (Gradient) {
    float* to = floatsOf(context, step.outputs[0]);
    forVectors(context, x.floats(), 1, [&](int64_t i) { store(to + i, Vec{}); });
  }
  parallelFor(context, rows, clusters * 40, [&](int64_t item) {
    const int64_t slot = item / x.d, d = item % x.d, n = slot / x.c, z = slot % x.c;
    if (!Gradient) partial[item] = 0;
    if (!masked[slot]) return;
    const int64_t start = (x.block(n, z / BLOCK) - x.data) + d * clusters * BLOCK + z % BLOCK;
    const float* logits = x.data + start;
    double largest = -1e300, sum = 0;
    for (int64_t k = 0; k < clusters; k++) largest = logits[k * BLOCK] > largest ? logits[k * BLOCK] : largest;
    if (Gradient) {
      float* e = probabilities + item * clusters;
      float* to = floatsOf(context, step.outputs[0]) + start;
      for (int64_t k = 0; k < clusters; k++) sum += e[k] = static_cast<float>(__builtin_exp((logits[k * BLOCK] - largest) / temperature));
      for (int64_t k = 0; k < clusters; k++) to[k * BLOCK] = static_cast<float>(upstream * (e[k] / sum - (k == pseudo[item] ? 1.0 : 0.0)) / temperature);
    } else {
      for (int64_t k = 0; k < clusters; k++) sum += __builtin_exp((logits[k * BLOCK] - largest) / temperature);
      partial[item] = __builtin_log(sum) - (logits[pseudo[item] * BLOCK] - largest) / temperature;
    }
  });
  if (Gradient) return;
  double loss = 0;
  for (int64_t i = 0; i < rows; i++) loss += partial[i];
  *floatsOf(context, step.outputs[0]) = static_cast<float>(loss);
}
