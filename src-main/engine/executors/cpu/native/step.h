// Plain data that crosses from the compiled plan into the kernels. No std types: every instruction set's translation unit includes this.
#pragma once
#include <cstddef>
#include <cstdint>

namespace logonet {

/**
 * Every operation with its attributes: integers, then reals, in the order in which kernels read them from a Step. The addon hands this
 * list out, operations.ts holds the same by its own types, and native.ts compares the two when the addon loads.
 */
#define LOGONET_OPERATIONS(X) \
  X(conv3d, "kernel stride padding instances activation", "") \
  X(conv3dGradInput, "kernel stride padding instances", "") \
  X(conv3dGradWeight, "kernel stride padding instances", "") \
  X(boxConv3d, "kernel stride padding activation", "") \
  X(boxConv3dGradInput, "kernel stride padding", "") \
  X(boxConv3dGradWeight, "kernel stride padding", "") \
  X(transposedConv3d, "stride", "") \
  X(transposedConv3dGradWeight, "stride", "") \
  X(depthwiseConv3d, "kernel dilation instances", "") \
  X(depthwiseConv3dGradInput, "kernel dilation instances", "") \
  X(depthwiseConv3dGradWeight, "kernel dilation instances", "") \
  X(batchNormStatistics, "instances", "") \
  X(batchNormApply, "instances activation", "epsilon") \
  X(batchNormGradStatistics, "instances activation", "epsilon") \
  X(batchNormGradInput, "instances activation", "epsilon") \
  X(runningStatisticsUpdate, "count", "momentum") \
  X(instanceNorm, "activation", "epsilon") \
  X(instanceNormGrad, "activation", "epsilon") \
  X(layerNorm, "instances", "epsilon") \
  X(layerNormGrad, "instances", "epsilon") \
  X(activation, "kind", "") \
  X(activationGrad, "kind", "") \
  X(add, "", "") \
  X(multiply, "", "") \
  X(upsample2, "", "") \
  X(upsample2Grad, "", "") \
  X(averagePool3d, "kernel", "") \
  X(averagePool3dGrad, "kernel", "") \
  X(concatChannels, "", "") \
  X(sliceChannels, "start count", "") \
  X(cubeSplit, "split", "") \
  X(cubeMerge, "split", "") \
  X(permute, "axes", "") \
  X(softmax, "", "") \
  X(diceCrossEntropy, "overBatch inside", "diceWeight crossEntropyWeight epsilon classWeights") \
  X(diceCrossEntropyGrad, "overBatch inside", "diceWeight crossEntropyWeight epsilon classWeights") \
  X(pseudoLabelLoss, "", "temperature") \
  X(pseudoLabelLossGrad, "", "temperature") \
  X(gradientNorm, "", "") \
  X(adamW, "", "beta1 beta2 epsilon weightDecay")

#define LOGONET_ENUMERATOR(name, integers, reals) name,
enum class Op : int32_t { LOGONET_OPERATIONS(LOGONET_ENUMERATOR) count };
#undef LOGONET_ENUMERATOR

#define LOGONET_ACTIVATIONS(X) X(none) X(relu) X(leakyRelu) X(gelu)
#define LOGONET_ENUMERATOR(name) name,
enum class Activation : int32_t { LOGONET_ACTIVATIONS(LOGONET_ENUMERATOR) };
#undef LOGONET_ENUMERATOR

/** One tensor of a step: where it lies in the arena (bytes) and its logical shape. */
struct Operand {
  int64_t offset;
  int32_t rank;
  int32_t dims[6];
  /** int32, stored as on the host; otherwise float32 in the layout of kernels/layout.h. */
  bool integers;
};

struct Step {
  Op op;
  int32_t inputCount;
  int32_t outputCount;
  const Operand* inputs;
  const Operand* outputs;
  /** Attributes, in the order of LOGONET_OPERATIONS; a kernel, stride or padding of three axes takes three. */
  const int32_t* integers;
  int32_t integerCount;
  const double* reals;
  int32_t realCount;
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
const InstructionSet* avx2wide();
const InstructionSet* baseline();

}  // namespace logonet
