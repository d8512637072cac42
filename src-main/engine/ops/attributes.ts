/**
 * The operations of the engine and their attributes. Activations are (N, C, D, H, W) float32 with N = instances · batch,
 * instance-major: n = instance · batch + b. `instances` lets networks of one shape and different weights (the eight local ULKANets)
 * run as one operation; parameters carry it as their first axis G.
 */
export type ActivationKind = 'none' | 'relu' | 'leakyRelu' | 'gelu';

/** Slope of every leaky ReLU (LOGONET.md). */
export const LEAKY_SLOPE = 0.01;

export interface ConvolutionAttributes {
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  readonly instances: number;
}

/** One number each along D, H, W. */
export type Axes = readonly [number, number, number];

export interface BoxConvolutionAttributes {
  readonly kernel: Axes;
  readonly stride: Axes;
  /** Zeros on both sides. */
  readonly padding: Axes;
}

export interface DepthwiseAttributes {
  /** Odd; padding is dilation·(kernel−1)/2, stride 1. */
  readonly kernel: number;
  readonly dilation: number;
  readonly instances: number;
}

export interface NormAttributes {
  readonly instances: number;
  readonly epsilon: number;
  readonly activation: ActivationKind;
}

export interface InstanceNormAttributes {
  readonly epsilon: number;
  readonly activation: ActivationKind;
}

export interface DiceCrossEntropyAttributes {
  readonly diceWeight: number;
  readonly crossEntropyWeight: number;
  readonly epsilon: number;
  /** Whether a class's overlap is taken over all samples of the batch together before its Dice; else over each sample (Eq. 6–8). */
  readonly overBatch: boolean;
  /** What a voxel's cross entropy counts, by its class; none: 1 for all. The mean divides by the sum over the voxels. */
  readonly classWeights: readonly number[];
  /** The class that each lies inside of, 0 where none; Dice is then of each class's region, itself and all classes inside it. None: of each class alone. */
  readonly inside: readonly number[];
}

export interface OpAttributes {
  /** x (N,I,D,H,W), weight (G,O,I,k,k,k), bias (G,O) → activation(conv) (N,O,D',H',W'). `activation` other than none: inference only. */
  conv3d: ConvolutionAttributes & { readonly activation: ActivationKind };
  /** dy, weight → dx with spatial size `inputSize` (D,H,W). */
  conv3dGradInput: ConvolutionAttributes & { readonly inputSize: readonly [number, number, number] };
  /** x, dy → dWeight (G,O,I,k,k,k), dBias (G,O). */
  conv3dGradWeight: ConvolutionAttributes;
  /**
   * As conv3d with one instance, its geometry by axis: x (N,I,D,H,W), weight (1,O,I,kd,kh,kw) and optionally bias (1,O) →
   * activation(conv) (N,O,D',H',W'). `activation` other than none: inference only.
   */
  boxConv3d: BoxConvolutionAttributes & { readonly activation: ActivationKind };
  /** dy, weight → dx with spatial size `inputSize` (D,H,W). */
  boxConv3dGradInput: BoxConvolutionAttributes & { readonly inputSize: Axes };
  /** x, dy → dWeight (1,O,I,kd,kh,kw), dBias (1,O). */
  boxConv3dGradWeight: BoxConvolutionAttributes;
  /** x (N,I,D,H,W), weight (1,I,O,s) with the stride s as kernel, and optionally bias (1,O) → (N,O,D·sd,H·sh,W·sw): every voxel paints a block of its own. */
  transposedConv3d: { readonly stride: Axes };
  /** x, dy → dWeight (1,I,O,s), dBias (1,O). */
  transposedConv3dGradWeight: { readonly stride: Axes };
  /** x, weight (G,C,k,k,k), bias (G,C) → y of x's shape. */
  depthwiseConv3d: DepthwiseAttributes;
  /** dy, weight → dx. */
  depthwiseConv3dGradInput: DepthwiseAttributes;
  /** x, dy → dWeight (G,C,k,k,k), dBias (G,C). */
  depthwiseConv3dGradWeight: DepthwiseAttributes;
  /** x → mean (G,C), biased variance (G,C), over the instance's samples and voxels. */
  batchNormStatistics: { readonly instances: number };
  /** x, mean, variance, gamma, beta (all (G,C)) → activation(gamma·(x−mean)/√(variance+ε)+beta). Training (batch statistics) and evaluation (running ones). */
  batchNormApply: NormAttributes;
  /** dy, x, mean, variance, gamma, beta → dGamma, dBeta (G,C); with g = dy·activation′(z): dBeta = Σg, dGamma = Σ g·x̂. */
  batchNormGradStatistics: NormAttributes;
  /** dy, x, mean, variance, gamma, beta, dGamma, dBeta → dx = gamma/√(variance+ε)·(g − dBeta/M − x̂·dGamma/M), M = values per channel and instance. */
  batchNormGradInput: NormAttributes;
  /** running mean, running variance, mean, variance → new running mean and variance (unbiased: ·M/(M−1)); in place on the first two. */
  runningStatisticsUpdate: { readonly momentum: number; readonly count: number };
  /** x, gamma (1,C), beta (1,C) → activation(gamma·x̂+beta), x̂ by mean and biased variance of each sample's channel over its voxels. */
  instanceNorm: InstanceNormAttributes;
  /** dy, x, gamma, beta → dx, dGamma, dBeta. */
  instanceNormGrad: InstanceNormAttributes;
  /** x, gamma (G,C), beta (G,C) → normalised over channels at each voxel. */
  layerNorm: { readonly instances: number; readonly epsilon: number };
  /** dy, x, gamma → dx, dGamma, dBeta. */
  layerNormGrad: { readonly instances: number; readonly epsilon: number };
  /** x → f(x), elementwise. */
  activation: { readonly kind: Exclude<ActivationKind, 'none'> };
  /** dy, x → dy·f′(x). */
  activationGrad: { readonly kind: Exclude<ActivationKind, 'none'> };
  /** a, b → a + b */
  add: Record<never, never>;
  /** a, b → a · b */
  multiply: Record<never, never>;
  /** x → trilinear ×2 (align_corners = false). */
  upsample2: Record<never, never>;
  /** dy → dx (the transpose). */
  upsample2Grad: Record<never, never>;
  /** x → mean over boxes of `kernel` voxels that touch and do not overlap; sides are multiples of it. */
  averagePool3d: { readonly kernel: Axes };
  /** dy → dx. */
  averagePool3dGrad: { readonly kernel: Axes };
  /** a (N,Ca,…), b (N,Cb,…) → (N,Ca+Cb,…) */
  concatChannels: Record<never, never>;
  /** x → channels [start, start+count) */
  sliceChannels: { readonly start: number; readonly count: number };
  /** (B,C,D,H,W) → (split³·B,C,D/s,H/s,W/s); cube (i,j,k) over D,H,W becomes instance (i·s+j)·s+k. */
  cubeSplit: { readonly split: number };
  /** The inverse of cubeSplit. */
  cubeMerge: { readonly split: number };
  /** x → axes permuted as numpy.transpose does: output axis a is input axis axes[a]. */
  permute: { readonly axes: readonly [number, number, number, number, number] };
  /** logits → softmax over channels. */
  softmax: Record<never, never>;
  /**
   * logits (N,C,D,H,W), label i32 (N,D,H,W) → loss [1], dice [1], crossEntropy [1], sums (N,C,3), or (1,C,3) over the batch (Σp·t, Σp, Σt).
   * Eq. 6–8: Dice over softmax per (sample, class) or per class, with background, ε above and below, mean; cross entropy, (weighted) mean over voxels.
   */
  diceCrossEntropy: DiceCrossEntropyAttributes;
  /** logits, label, sums, and optionally the upstream gradient [1] (1 unless given) → dLogits. */
  diceCrossEntropyGrad: DiceCrossEntropyAttributes;
  /** logits (B,Z,N,K,1), pseudo i32 (B,Z,N), masked i32 (B,Z) → loss [1] = Σ over masked slices and clusterers of −log softmax_K(logits/τ)[pseudo] (Eq. 4–5). */
  pseudoLabelLoss: { readonly temperature: number };
  /** logits, pseudo, masked, and optionally the upstream gradient [1] (1 unless given) → dLogits. */
  pseudoLabelLossGrad: { readonly temperature: number };
  /** any number of tensors → [1]: √Σ of squares over all of them. */
  gradientNorm: Record<never, never>;
  /**
   * parameter, gradient, m, v (one shape), norm [1], hyper [4] = (learning rate, 1−β1^t, 1−β2^t, maximum norm or 0 for no clipping)
   * and optionally the loss scale [1], by which gradient and norm are divided first → parameter, m, v; in place on those three. gradient is scaled by min(1, max/(norm+1e-6)); a norm that is not finite leaves all three untouched.
   * p ← p·(1−lr·weightDecay); m ← β1·m+(1−β1)·g; v ← β2·v+(1−β2)·g²; p ← p − lr·(m/hyper1)/(√(v/hyper2)+ε). (torch.optim.AdamW)
   */
  adamW: { readonly beta1: number; readonly beta2: number; readonly epsilon: number; readonly weightDecay: number };
}

export type OpKind = keyof OpAttributes;
