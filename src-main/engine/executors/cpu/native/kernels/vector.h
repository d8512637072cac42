// Vectors of BLOCK floats and the few functions that the kernels need on them. Included inside the instruction set's namespace.
typedef float Vec __attribute__((vector_size(BLOCK * 4), aligned(4), may_alias));
typedef int32_t IntVec __attribute__((vector_size(BLOCK * 4), aligned(4), may_alias));

#define LOGONET_INLINE __attribute__((always_inline)) inline
#define LOGONET_LAMBDA __attribute__((always_inline))

template <int I>
struct Index {
  static constexpr int value = I;
  constexpr operator int() const { return I; }
};

template <int... I>
struct IndexList {};
template <int N, int... I>
struct MakeIndexList : MakeIndexList<N - 1, N - 1, I...> {};
template <int... I>
struct MakeIndexList<0, I...> {
  typedef IndexList<I...> type;
};
template <class F, int... I>
LOGONET_INLINE void unrollOver(F&& f, IndexList<I...>) {
  (f(Index<I>{}), ...);
}
/** f(0) … f(N−1) with constant arguments: arrays indexed by them stay in registers. */
template <int N, class F>
LOGONET_INLINE void unroll(F&& f) {
  unrollOver(f, typename MakeIndexList<N>::type{});
}

LOGONET_INLINE Vec load(const float* p) { return *reinterpret_cast<const Vec*>(p); }
LOGONET_INLINE void store(float* p, Vec v) { *reinterpret_cast<Vec*>(p) = v; }
// Minus zero, not plus: only then is the sum f for every f, −0 too, and becomes a broadcast.
LOGONET_INLINE Vec splat(float f) { return f - Vec{}; }
LOGONET_INLINE Vec select(IntVec mask, Vec a, Vec b) { return mask ? a : b; }
LOGONET_INLINE Vec maximum(Vec a, Vec b) { return select(a > b, a, b); }
LOGONET_INLINE Vec minimum(Vec a, Vec b) { return select(a < b, a, b); }
LOGONET_INLINE Vec absolute(Vec a) { return (Vec)((IntVec)a & 0x7fffffff); }

LOGONET_INLINE float sumOf(Vec v) {
  float s = 0;
  for (int i = 0; i < BLOCK; i++) s += v[i];
  return s;
}
LOGONET_INLINE float maximumOf(Vec v) {
  float m = v[0];
  for (int i = 1; i < BLOCK; i++) m = v[i] > m ? v[i] : m;
  return m;
}
/** All ones in the first `count` lanes. */
LOGONET_INLINE IntVec firstLanes(int count) {
  IntVec lane;
  for (int i = 0; i < BLOCK; i++) lane[i] = i;
  return lane < count;
}

/** e^x within 2 units in the last place on [−87, 88]; below it is 0 for every purpose here (≥ 1e-38). */
LOGONET_INLINE Vec exponential(Vec x) {
  x = maximum(minimum(x, splat(88.0f)), splat(-87.0f));
  const Vec magic = splat(12582912.0f);
  const Vec n = (x * 1.44269504088896341f + magic) - magic;
  Vec r = x - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  Vec p = splat(1.0f / 5040);
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  const IntVec exponent = (__builtin_convertvector(n, IntVec) + 127) << 23;
  return p * (Vec)exponent;
}

/** erfc(s) for s ≥ 0 as exp(−s·q(s)); q fitted to −log(erfc(s))/s on [0, 5.4], weighted by s·erfc(s): 4.3e-8 absolute. */
LOGONET_INLINE Vec complementaryError(Vec s) {
  s = minimum(s, splat(5.4f));
  Vec q = splat(-6.16176658e-6f);
  q = q * s + 8.65204129e-5f;
  q = q * s + -5.05123986e-4f;
  q = q * s + 1.39002223e-3f;
  q = q * s + 1.83353288e-4f;
  q = q * s + -1.93997547e-2f;
  q = q * s + 1.02876157e-1f;
  q = q * s + 6.36599898e-1f;
  q = q * s + 1.12838054f;
  return exponential(-(q * s));
}

constexpr float rootHalf = 0.70710678118654752f;

/** Exact GELU, x·Φ(x). */
LOGONET_INLINE Vec gelu(Vec x) {
  const Vec tail = 0.5f * x * complementaryError(absolute(x) * rootHalf);
  return select(x > 0.0f, x - tail, tail);
}
/** Φ(x) + x·φ(x) */
LOGONET_INLINE Vec geluDerivative(Vec x) {
  const Vec half = 0.5f * complementaryError(absolute(x) * rootHalf);
  const Vec phi = 0.39894228040143268f * exponential(-0.5f * x * x);
  return select(x > 0.0f, 1.0f - half, half) + x * phi;
}

constexpr float leakySlope = 0.01f;

template <Activation A>
LOGONET_INLINE Vec activate(Vec x) {
  if constexpr (A == Activation::relu) return maximum(x, Vec{});
  if constexpr (A == Activation::leakyRelu) return select(x > 0.0f, x, x * leakySlope);
  if constexpr (A == Activation::gelu) return gelu(x);
  return x;
}
template <Activation A>
LOGONET_INLINE Vec activationSlope(Vec x) {
  if constexpr (A == Activation::relu) return select(x > 0.0f, splat(1.0f), Vec{});
  if constexpr (A == Activation::leakyRelu) return select(x > 0.0f, splat(1.0f), splat(leakySlope));
  if constexpr (A == Activation::gelu) return geluDerivative(x);
  return splat(1.0f);
}

template <Activation A>
struct ActivationTag {
  static constexpr Activation value = A;
};
/** Calls f with the activation as a type, so that the choice is made once per loop and not once per value. */
template <class F>
LOGONET_INLINE void withActivation(int kind, F&& f) {
  switch (static_cast<Activation>(kind)) {
    case Activation::none: f(ActivationTag<Activation::none>{}); break;
    case Activation::relu: f(ActivationTag<Activation::relu>{}); break;
    case Activation::leakyRelu: f(ActivationTag<Activation::leakyRelu>{}); break;
    case Activation::gelu: f(ActivationTag<Activation::gelu>{}); break;
  }
}
