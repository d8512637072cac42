// Where values lie. Activations and depthwise weights (rank 5): [N][ceil(C/BLOCK)][D·H·W][BLOCK]; dense weights (rank 6):
// [G][ceil(O/BLOCK)][k³][I][BLOCK]; everything else as on the host. Lanes beyond the last channel are always zero.
LOGONET_INLINE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
LOGONET_INLINE int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
LOGONET_INLINE int64_t ceilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }

struct Activations {
  float* data;
  int64_t n, c, d, h, w;
  int64_t blocks, voxels;
  LOGONET_INLINE float* block(int64_t sample, int64_t index) const { return data + (sample * blocks + index) * voxels * BLOCK; }
  LOGONET_INLINE int64_t floats() const { return n * blocks * voxels * BLOCK; }
  LOGONET_INLINE int lanes(int64_t index) const { return static_cast<int>(smaller(BLOCK, c - index * BLOCK)); }
};

inline float* floatsOf(const Context& context, const Operand& operand) { return reinterpret_cast<float*>(context.arena + operand.offset); }
inline const int32_t* integersOf(const Context& context, const Operand& operand) {
  return reinterpret_cast<const int32_t*>(context.arena + operand.offset);
}
inline Activations shaped(float* data, int64_t n, int64_t c, int64_t d, int64_t h, int64_t w) {
  return {data, n, c, d, h, w, ceilDivide(c, BLOCK), d * h * w};
}
inline Activations activations(const Context& context, const Operand& o) {
  return shaped(floatsOf(context, o), o.dims[0], o.dims[1], o.dims[2], o.dims[3], o.dims[4]);
}
inline int64_t elements(const Operand& o) {
  int64_t count = 1;
  for (int i = 0; i < o.rank; i++) count *= o.dims[i];
  return count;
}
/** Floats in storage, padding lanes included. */
inline int64_t storedFloats(const Operand& o) {
  if (o.rank == 5) return o.dims[0] * ceilDivide(o.dims[1], BLOCK) * BLOCK * o.dims[2] * o.dims[3] * o.dims[4];
  if (o.rank == 6) return o.dims[0] * ceilDivide(o.dims[1], BLOCK) * BLOCK * o.dims[2] * o.dims[3] * o.dims[4] * o.dims[5];
  return elements(o);
}

/** A piece of the program's scratch; valid until the step ends. */
template <class T>
inline T* claim(Context& context, int64_t count) {
  T* piece = reinterpret_cast<T*>(context.scratch + context.scratchUsed);
  context.scratchUsed += (static_cast<size_t>(count) * sizeof(T) + 63) / 64 * 64;
  return piece;
}

/** f(item) for every item; `work` is the cost of one item in floating point operations or bytes: small loops stay on one thread. */
template <class F>
inline void parallelFor(Context& context, int64_t items, int64_t work, const F& f) {
  constexpr int64_t worthSharing = 1 << 16;
  if (items * work < worthSharing) {
    for (int64_t i = 0; i < items; i++) f(i);
    return;
  }
  const int64_t grain = larger(1, smaller(ceilDivide(worthSharing / 2, larger(1, work)), items / (4 * context.threads)));
  parallelChunks(
      context.pool, items, grain,
      [](void* data, int64_t begin, int64_t end) {
        const F& body = *static_cast<const F*>(data);
        for (int64_t i = begin; i < end; i++) body(i);
      },
      const_cast<void*>(static_cast<const void*>(&f)));
}

/** f(sample, block, firstVoxel, endVoxel) over pieces of at most `chunk` voxels; chunks do not depend on the number of threads. */
template <class F>
inline void forChunks(Context& context, const Activations& a, int64_t chunk, int64_t workPerVoxel, const F& f) {
  const int64_t chunks = ceilDivide(a.voxels, chunk);
  parallelFor(context, a.n * a.blocks * chunks, smaller(chunk, a.voxels) * BLOCK * workPerVoxel, [&](int64_t item) {
    const int64_t piece = item % chunks, block = item / chunks % a.blocks, sample = item / chunks / a.blocks;
    f(sample, block, piece * chunk, smaller(a.voxels, (piece + 1) * chunk));
  });
}

inline void packWeights(Context& context, const float* host, float* stored, const Operand& o) {
  const int64_t outs = o.dims[1], ins = o.dims[2], taps = static_cast<int64_t>(o.dims[3]) * o.dims[4] * o.dims[5], blocks = ceilDivide(outs, BLOCK);
  parallelFor(context, o.dims[0] * blocks, taps * ins * BLOCK, [&](int64_t item) {
    const int64_t g = item / blocks, b = item % blocks;
    float* to = stored + item * taps * ins * BLOCK;
    for (int64_t t = 0; t < taps; t++)
      for (int64_t i = 0; i < ins; i++)
        for (int lane = 0; lane < BLOCK; lane++) {
          const int64_t out = b * BLOCK + lane;
          *to++ = out < outs ? host[((g * outs + out) * ins + i) * taps + t] : 0.0f;
        }
  });
}
inline void unpackWeights(Context& context, const float* stored, float* host, const Operand& o) {
  const int64_t outs = o.dims[1], ins = o.dims[2], taps = static_cast<int64_t>(o.dims[3]) * o.dims[4] * o.dims[5], blocks = ceilDivide(outs, BLOCK);
  parallelFor(context, o.dims[0] * outs, taps * ins, [&](int64_t item) {
    const int64_t g = item / outs, out = item % outs;
    const float* from = stored + (g * blocks + out / BLOCK) * taps * ins * BLOCK + out % BLOCK;
    for (int64_t i = 0; i < ins; i++)
      for (int64_t t = 0; t < taps; t++) host[(item * ins + i) * taps + t] = from[(t * ins + i) * BLOCK];
  });
}

static void pack(Context& context, const float* host, float* stored, const Operand& o) {
  if (o.rank == 6) return packWeights(context, host, stored, o);
  if (o.rank != 5) {
    const int64_t count = elements(o);
    for (int64_t i = 0; i < count; i++) stored[i] = host[i];
    return;
  }
  const Activations a = shaped(stored, o.dims[0], o.dims[1], o.dims[2], o.dims[3], o.dims[4]);
  forChunks(context, a, 4096, 1, [&](int64_t n, int64_t b, int64_t begin, int64_t end) {
    float* to = a.block(n, b);
    const float* from = host + (n * a.c + b * BLOCK) * a.voxels;
    const int lanes = a.lanes(b);
    for (int64_t v = begin; v < end; v++) {
      for (int lane = 0; lane < lanes; lane++) to[v * BLOCK + lane] = from[lane * a.voxels + v];
      for (int lane = lanes; lane < BLOCK; lane++) to[v * BLOCK + lane] = 0.0f;
    }
  });
}
static void unpack(Context& context, const float* stored, float* host, const Operand& o) {
  if (o.rank == 6) return unpackWeights(context, stored, host, o);
  if (o.rank != 5) {
    const int64_t count = elements(o);
    for (int64_t i = 0; i < count; i++) host[i] = stored[i];
    return;
  }
  const Activations a = shaped(const_cast<float*>(stored), o.dims[0], o.dims[1], o.dims[2], o.dims[3], o.dims[4]);
  forChunks(context, a, 4096, 1, [&](int64_t n, int64_t b, int64_t begin, int64_t end) {
    const float* from = a.block(n, b);
    float* to = host + (n * a.c + b * BLOCK) * a.voxels;
    for (int lane = 0; lane < a.lanes(b); lane++)
      for (int64_t v = begin; v < end; v++) to[lane * a.voxels + v] = from[v * BLOCK + lane];
  });
}
