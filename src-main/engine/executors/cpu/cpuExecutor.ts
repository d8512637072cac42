import { availableMemory } from 'node:process';
import { cpus } from 'node:os';
import { memorySize } from '#shared/base/bytes.ts';
import { StudioError } from '#shared/base/errors.ts';
import { must } from '#shared/base/assert.ts';
import type { AnyNode, Graph, Node, Value } from '../../graph/graph.ts';
import type { OpKind } from '../../ops/attributes.ts';
import type { Plan } from '../../plan/plan.ts';
import { elementCount, type TensorType } from '../../tensor/tensorType.ts';
import type { Executor } from '../executor.ts';
import { CpuSession } from './cpuSession.ts';
import { nativeModule, type NativeEngine, type NativeModule, type NativeOperand, type NativeStep } from './native.ts';
import { encode } from './operations.ts';

export type InstructionSet = 'avx512' | 'avx2' | 'avx2wide' | 'baseline';

export interface CpuOptions {
  /** Default: as many as the CPUs that this process may use. Fewer run where the system gives no more. */
  readonly threads?: number;
  /** Default: the widest that the CPU has. */
  readonly instructionSet?: InstructionSet;
  /** Keeps each thread on a CPU of its own: steadier timings on a quiet machine. */
  readonly pin?: boolean;
}

export interface CpuExecutor extends Executor {
  readonly threads: number;
  readonly instructionSet: string;
  /** GFLOP/s of multiply-adds in registers on all threads: what no kernel can exceed. Takes a moment. */
  measureFmaPeak(): number;
  prepare(plan: Plan): Promise<CpuSession>;
}

/** Sizes of storage are multiples of a cache line. */
const ALIGNMENT = 64;

/** Kernel sizes that the native loops know. */
const LARGEST_KERNEL = 15;
const LARGEST_STRIDE = 8;
const TOO_LARGE = `convolutions larger than ${String(LARGEST_KERNEL)}³ or of a stride above ${String(LARGEST_STRIDE)}`;
const DEPTHWISE_KERNELS: readonly number[] = [3, 5, 7];
const MOST_CLASSES = 1024;

/**
 * The executor of C++ kernels on the CPU.
 * Throws `device` when the native engine is not built, `invalid-argument` for an instruction set that the CPU lacks or no threads.
 */
export function createCpuExecutor(options: CpuOptions = {}): CpuExecutor {
  const native = nativeModule();
  const threads = options.threads ?? native.cpus();
  if (!Number.isInteger(threads) || threads < 1 || threads > 1024)
    throw new StudioError('invalid-argument', `The number of threads must be between 1 and 1024, not ${String(threads)}.`);
  if (options.instructionSet !== undefined && !native.instructionSets().includes(options.instructionSet)) {
    throw new StudioError('invalid-argument', `This CPU has no ${options.instructionSet}; it has ${native.instructionSets().join(', ')}.`);
  }
  const engine = startEngine(native, threads, options);
  const model = cpus()[0]?.model.trim() ?? process.arch;
  return {
    name: 'cpu',
    description: `${model}, ${String(engine.threads)} ${engine.threads === 1 ? 'thread' : 'threads'}, ${engine.instructionSet}`,
    reusesMemory: true,
    threads: engine.threads,
    instructionSet: engine.instructionSet,
    measureFmaPeak: () => engine.peak(),
    unsupported,
    storageBytes: (type) => storageBytes(type, engine.block),
    prepare: (plan) => prepare(engine, plan),
    dispose: () => {
      engine.dispose();
    },
  };
}

/** With fewer threads where the system gives no more; results are the same for any number. */
function startEngine(native: NativeModule, threads: number, { instructionSet, pin }: CpuOptions): NativeEngine {
  try {
    return new native.Engine(threads, instructionSet ?? '', pin ?? false);
  } catch (cause) {
    throw new StudioError('device', 'The system does not let this program start another thread. Close other programs and try again.', {
      detail: String(cause),
      cause,
    });
  }
}

function unsupported(graph: Graph): string | undefined {
  for (const node of graph.nodes) {
    switch (node.op) {
      case 'conv3d':
      case 'conv3dGradInput':
      case 'conv3dGradWeight':
        if (node.attributes.kernel > LARGEST_KERNEL || node.attributes.stride > LARGEST_STRIDE) return TOO_LARGE;
        break;
      case 'boxConv3d':
      case 'boxConv3dGradInput':
      case 'boxConv3dGradWeight':
        if (Math.max(...node.attributes.kernel) > LARGEST_KERNEL || Math.max(...node.attributes.stride) > LARGEST_STRIDE) return TOO_LARGE;
        break;
      case 'transposedConv3d':
      case 'transposedConv3dGradWeight':
        if (Math.max(...node.attributes.stride) > LARGEST_STRIDE) return TOO_LARGE;
        break;
      case 'depthwiseConv3d':
      case 'depthwiseConv3dGradInput':
      case 'depthwiseConv3dGradWeight':
        if (!DEPTHWISE_KERNELS.includes(node.attributes.kernel))
          return `depthwise convolutions of ${String(node.attributes.kernel)}³; it knows 3³, 5³ and 7³`;
        break;
      case 'softmax':
      case 'diceCrossEntropy':
      case 'diceCrossEntropyGrad':
        if ((node.inputs[0]?.type.shape[1] ?? 0) > MOST_CLASSES) return `more than ${String(MOST_CLASSES)} classes`;
        break;
      case 'adamW':
        if (node.inputs.length > 6) return 'a loss scale, which only float16 storage needs';
        break;
      default:
    }
  }
  return undefined;
}

/** Activations (rank 5) and dense weights (rank 6) are stored in blocks of channels: native/kernels/layout.h. */
function storageBytes({ element, shape }: TensorType, block: number): number {
  const [first = 1, second = 1, ...rest] = shape;
  const blocked = element === 'f32' && shape.length >= 5;
  const elements = blocked ? first * Math.ceil(second / block) * block * elementCount(rest) : elementCount(shape);
  return Math.ceil((elements * 4) / ALIGNMENT) * ALIGNMENT;
}

function prepare(engine: NativeEngine, plan: Plan): Promise<CpuSession> {
  const available = availableMemory();
  const tooLarge = (): StudioError => {
    return new StudioError(
      'out-of-memory',
      `This needs ${memorySize(plan.arenaBytes)} of memory and ${memorySize(available)} are free. Choose a smaller patch, batch or model, or close other programs.`,
    );
  };
  if (plan.arenaBytes > available) return Promise.reject(tooLarge());
  const operand = (value: Value): NativeOperand => ({
    offset: must(plan.placements.get(value), `no place for ${value.name}`).offset,
    shape: value.type.shape,
    element: value.type.element === 'i32' ? 'i32' : 'f32',
  });
  const steps = plan.steps.map((node) => encodeStep(node, operand));
  try {
    const { Program } = nativeModule();
    return Promise.resolve(new CpuSession(new Program(engine, plan.arenaBytes, steps), plan, operand));
  } catch (cause) {
    if (cause instanceof Error && cause.message === 'out of memory') return Promise.reject(tooLarge());
    return Promise.reject(new StudioError('internal', 'Something went wrong inside the application.', { detail: String(cause), cause }));
  }
}

function encodeStep<K extends OpKind>(node: AnyNode, operand: (value: Value) => NativeOperand): NativeStep {
  const { op, attributes } = node as Node<K>;
  return { ...encode(op, attributes, nativeModule()), inputs: node.inputs.map(operand), outputs: node.outputs.map(operand) };
}
