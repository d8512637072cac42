// Plain data that crosses from the compiled plan into the kernels. No std types: every instruction set's translation unit includes this.
#pragma once
#include <cstddef>
#include <cstdint>

namespace logonet {

enum class Op : int32_t {
  conv3d, conv3dGradInput, conv3dGradWeight,
  depthwiseConv3d, depthwiseConv3dGradInput, depthwiseConv3dGradWeight,
  batchNormStatistics, batchNormApply, batchNormGradStatistics, batchNormGradInput, runningStatisticsUpdate,
  layerNorm, layerNormGrad,
  activation, activationGrad, add, multiply,
  upsample2, upsample2Grad, concatChannels, sliceChannels, cubeSplit, cubeMerge, permute,
  softmax, diceCrossEntropy, diceCrossEntropyGrad, pseudoLabelLoss, pseudoLabelLossGrad,
  gradientNorm, adamW,
  count
};

enum class Activation : int32_t { none, relu, leakyRelu, gelu };

/** One tensor of a step: where it lies in the arena (bytes) and its logical shape. */
struct Operand {
  int64_t offset;
  int32_t rank;
  int32_t dims[6];
};

struct Step {
  Op op;
  int32_t inputCount;
  int32_t outputCount;
  const Operand* inputs;
  const Operand* outputs;
  /** Attributes, in the order in which compile.ts writes them. */
  int32_t integers[8];
  double reals[6];
};

class Pool;

/** What a kernel runs with. While `measuring`, kernels only claim their scratch and return: so one code path sizes and uses it. */
struct Context {
  char* arena;
  char* scratch;
  size_t scratchUsed;
  bool measuring;
  int threads;
  Pool* pool;
};

/** body(data, begin, end) over [0, items) in chunks of `grain`, on all threads of the pool; returns when all are done. */
void parallelChunks(Pool* pool, int64_t items, int64_t grain, void (*body)(void*, int64_t, int64_t), void* data);

/** Number of the pool's thread that calls, 0 .. threads − 1: which share of the scratch is its own. */
int threadIndex();

/** The kernels of one instruction set. */
struct InstructionSet {
  const char* name;
  /** Channels per block of the activation layout = floats per vector. */
  int block;
  void (*run)(Context& context, const Step& step);
  /** Host (contiguous, logical shape) to this layout and back; f32 only. */
  void (*pack)(Context& context, const float* host, float* stored, const Operand& shape);
  void (*unpack)(Context& context, const float* stored, float* host, const Operand& shape);
  /** Multiply-adds in registers, `rounds` of them: returns the number of floating point operations made. */
  double (*multiplyAdd)(int64_t rounds, float* sink);
};

const InstructionSet* avx512();
const InstructionSet* avx2();
const InstructionSet* baseline();

}  // namespace logonet
