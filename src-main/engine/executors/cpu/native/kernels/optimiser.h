// What happens to whole parameters: the gradient's norm and AdamW.

static void runGradientNorm(Context& context, const Step& step) {
  constexpr int64_t piece = 32768;
  int64_t* firstPiece = claim<int64_t>(context, step.inputCount + 1);
  int64_t pieces = 0;
  for (int i = 0; i < step.inputCount; i++) {
    if (!context.measuring) firstPiece[i] = pieces;
    pieces += ceilDivide(storedFloats(step.inputs[i]), piece);
  }
  double* partial = claim<double>(context, pieces);
  if (context.measuring) return;
  parallelFor(context, pieces, piece, [&](int64_t item) {
    int low = 0, high = step.inputCount;
    while (high - low > 1) {
      const int middle = (low + high) / 2;
      if (firstPiece[middle] <= item) low = middle;
      else high = middle;
    }
    const float* x = floatsOf(context, step.inputs[low]);
    const int64_t begin = (item - firstPiece[low]) * piece, end = smaller(storedFloats(step.inputs[low]), begin + piece);
    double sums[4] = {};
    int64_t i = begin;
    for (; i + 4 <= end; i += 4)
      for (int k = 0; k < 4; k++) sums[k] += static_cast<double>(x[i + k]) * x[i + k];
    for (; i < end; i++) sums[0] += static_cast<double>(x[i]) * x[i];
    partial[item] = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  });
  double sum = 0;
  for (int64_t i = 0; i < pieces; i++) sum += partial[i];
  *floatsOf(context, step.outputs[0]) = static_cast<float>(__builtin_sqrt(sum));
}

LOGONET_INLINE Vec squareRoot(Vec v) {
  Vec r;
  for (int i = 0; i < BLOCK; i++) r[i] = __builtin_sqrtf(v[i]);
  return r;
}

static void runAdamW(Context& context, const Step& step) {
  if (context.measuring) return;
  const float beta1 = static_cast<float>(step.reals[0]), beta2 = static_cast<float>(step.reals[1]), epsilon = static_cast<float>(step.reals[2]);
  const float rest1 = static_cast<float>(1.0 - step.reals[0]), rest2 = static_cast<float>(1.0 - step.reals[1]);
  const float* p = floatsOf(context, step.inputs[0]);
  const float* g = floatsOf(context, step.inputs[1]);
  const float* m = floatsOf(context, step.inputs[2]);
  const float* v = floatsOf(context, step.inputs[3]);
  const float norm = *floatsOf(context, step.inputs[4]);
  const float* hyper = floatsOf(context, step.inputs[5]);
  float* pNext = floatsOf(context, step.outputs[0]);
  float* mNext = floatsOf(context, step.outputs[1]);
  float* vNext = floatsOf(context, step.outputs[2]);
  const bool finite = norm - norm == 0.0f;
  if (!finite && p == pNext && m == mNext && v == vNext) return;
  const float rate = hyper[0], decay = static_cast<float>(1.0 - static_cast<double>(rate) * step.reals[3]);
  const float clip = hyper[3] > 0 && hyper[3] < norm + 1e-6f ? hyper[3] / (norm + 1e-6f) : 1.0f;
  const float stepSize = rate / hyper[1], rootCorrection = __builtin_sqrtf(hyper[2]);
  forVectors(context, storedFloats(step.inputs[0]), 8, [&](int64_t i) {
    if (!finite) {
      store(pNext + i, load(p + i));
      store(mNext + i, load(m + i));
      store(vNext + i, load(v + i));
      return;
    }
    const Vec gradient = load(g + i) * clip;
    const Vec first = beta1 * load(m + i) + rest1 * gradient;
    const Vec second = beta2 * load(v + i) + rest2 * gradient * gradient;
    store(mNext + i, first);
    store(vNext + i, second);
    store(pNext + i, load(p + i) * decay - stepSize * first / (squareRoot(second) / rootCorrection + epsilon));
  });
}
