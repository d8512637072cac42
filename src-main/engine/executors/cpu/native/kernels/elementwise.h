// Functions of single values. Storage is walked as one run: lanes of padding are zero before and after.

template <class F>
inline void forVectors(Context& context, int64_t floats, int64_t work, const F& f) {
  constexpr int64_t piece = 8192;
  parallelFor(context, ceilDivide(floats, piece), piece * work, [&](int64_t item) {
    const int64_t end = smaller(floats, (item + 1) * piece);
    for (int64_t i = item * piece; i < end; i += BLOCK) f(i);
  });
}

static void runActivation(Context& context, const Step& step) {
  if (context.measuring) return;
  const float* x = floatsOf(context, step.inputs[0]);
  float* y = floatsOf(context, step.outputs[0]);
  withActivation(step.integers[0], [&](auto kind) {
    forVectors(context, storedFloats(step.outputs[0]), 2, [&](int64_t i) { store(y + i, activate<decltype(kind)::value>(load(x + i))); });
  });
}

static void runActivationGrad(Context& context, const Step& step) {
  if (context.measuring) return;
  const float* dy = floatsOf(context, step.inputs[0]);
  const float* x = floatsOf(context, step.inputs[1]);
  float* dx = floatsOf(context, step.outputs[0]);
  withActivation(step.integers[0], [&](auto kind) {
    forVectors(context, storedFloats(step.outputs[0]), 4, [&](int64_t i) { store(dx + i, load(dy + i) * activationSlope<decltype(kind)::value>(load(x + i))); });
  });
}

static void runAdd(Context& context, const Step& step) {
  if (context.measuring) return;
  const float* a = floatsOf(context, step.inputs[0]);
  const float* b = floatsOf(context, step.inputs[1]);
  float* y = floatsOf(context, step.outputs[0]);
  forVectors(context, storedFloats(step.outputs[0]), 2, [&](int64_t i) { store(y + i, load(a + i) + load(b + i)); });
}

static void runMultiply(Context& context, const Step& step) {
  if (context.measuring) return;
  const float* a = floatsOf(context, step.inputs[0]);
  const float* b = floatsOf(context, step.inputs[1]);
  float* y = floatsOf(context, step.outputs[0]);
  forVectors(context, storedFloats(step.outputs[0]), 2, [&](int64_t i) { store(y + i, load(a + i) * load(b + i)); });
}
