// Every kernel of one instruction set. Included once per set with LOGONET_NAMESPACE, LOGONET_SET (the function that returns the set and
// its name) and BLOCK (floats per vector) defined. Nothing here has external linkage but that function: code compiled for a newer
// instruction set must never be merged with the baseline's.
#include "../step.h"

namespace logonet {
namespace LOGONET_NAMESPACE {
namespace {

#include "vector.h"
#include "layout.h"
#include "convolutionTile.h"
#include "winogradTiles.h"
#include "winograd.h"
#include "winogradGradient.h"
#include "convolution.h"
#include "convolutionWeights.h"
#include "depthwise.h"
#include "elementwise.h"
#include "normalisation.h"
#include "rearrange.h"
#include "losses.h"
#include "optimiser.h"

void run(Context& context, const Step& step) {
  switch (step.op) {
    case Op::conv3d: return runConv3d(context, step);
    case Op::conv3dGradInput: return runConv3dGradInput(context, step);
    case Op::conv3dGradWeight: return runConv3dGradWeight(context, step);
    case Op::boxConv3d: return runBoxConv3d(context, step);
    case Op::boxConv3dGradInput: return runBoxConv3dGradInput(context, step);
    case Op::boxConv3dGradWeight: return runBoxConv3dGradWeight(context, step);
    case Op::transposedConv3d: return runTransposedConv3d(context, step);
    case Op::transposedConv3dGradWeight: return runTransposedConv3dGradWeight(context, step);
    case Op::depthwiseConv3d: return runDepthwiseConv3d(context, step);
    case Op::depthwiseConv3dGradInput: return runDepthwiseConv3dGradInput(context, step);
    case Op::depthwiseConv3dGradWeight: return runDepthwiseConv3dGradWeight(context, step);
    case Op::batchNormStatistics: return runBatchNormStatistics(context, step);
    case Op::batchNormApply: return runBatchNormApply(context, step);
    case Op::batchNormGradStatistics: return runBatchNormGradStatistics(context, step);
    case Op::batchNormGradInput: return runBatchNormGradInput(context, step);
    case Op::runningStatisticsUpdate: return runRunningStatisticsUpdate(context, step);
    case Op::instanceNorm: return runInstanceNorm(context, step);
    case Op::instanceNormGrad: return runInstanceNormGrad(context, step);
    case Op::layerNorm: return runLayerNorm(context, step);
    case Op::layerNormGrad: return runLayerNormGrad(context, step);
    case Op::activation: return runActivation(context, step);
    case Op::activationGrad: return runActivationGrad(context, step);
    case Op::add: return runAdd(context, step);
    case Op::multiply: return runMultiply(context, step);
    case Op::upsample2: return runUpsample2(context, step);
    case Op::upsample2Grad: return runUpsample2Grad(context, step);
    case Op::averagePool3d: return runAveragePool3d(context, step);
    case Op::averagePool3dGrad: return runAveragePool3dGrad(context, step);
    case Op::concatChannels: return runConcatChannels(context, step);
    case Op::sliceChannels: return runSliceChannels(context, step);
    case Op::cubeSplit: return runCubes<true>(context, step);
    case Op::cubeMerge: return runCubes<false>(context, step);
    case Op::permute: return runPermute(context, step);
    case Op::softmax: return runSoftmax(context, step);
    case Op::diceCrossEntropy: return runDiceCrossEntropy(context, step);
    case Op::diceCrossEntropyGrad: return runDiceCrossEntropyGrad(context, step);
    case Op::pseudoLabelLoss: return runPseudoLabel<false>(context, step);
    case Op::pseudoLabelLossGrad: return runPseudoLabel<true>(context, step);
    case Op::gradientNorm: return runGradientNorm(context, step);
    case Op::adamW: return runAdamW(context, step);
    case Op::count: return;
  }
}

double multiplyAdd(int64_t rounds, float* sink) {
  constexpr int independent = 12;
  Vec sum[independent];
  unroll<independent>([&](auto i) LOGONET_LAMBDA { sum[i] = splat(static_cast<float>(i)); });
  const Vec factor = splat(sink[0]), term = splat(sink[1]);
  for (int64_t r = 0; r < rounds; r++) unroll<independent>([&](auto i) LOGONET_LAMBDA { sum[i] = sum[i] * factor + term; });
  Vec total{};
  unroll<independent>([&](auto i) LOGONET_LAMBDA { total += sum[i]; });
  sink[2] = sumOf(total);
  return 2.0 * independent * BLOCK * static_cast<double>(rounds);
}

#define LOGONET_TEXT(name) #name
#define LOGONET_NAME(name) LOGONET_TEXT(name)
const InstructionSet set = {LOGONET_NAME(LOGONET_SET), BLOCK, run, pack, unpack, multiplyAdd};

}  // namespace
}  // namespace LOGONET_NAMESPACE

const InstructionSet* LOGONET_SET() { return &LOGONET_NAMESPACE::set; }

}  // namespace logonet
