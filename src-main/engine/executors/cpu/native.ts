import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';

/** A tensor of a step: byte offset in the arena and logical shape. */
export interface NativeOperand {
  readonly offset: number;
  readonly shape: readonly number[];
}

/** A step as native/step.h knows it; `code` is the operation's number there. */
export interface NativeStep {
  readonly code: number;
  readonly inputs: readonly NativeOperand[];
  readonly outputs: readonly NativeOperand[];
  readonly integers: readonly number[];
  readonly reals: readonly number[];
}

export interface NativeEngine {
  readonly instructionSet: string;
  /** Channels per block of the activation layout. */
  readonly block: number;
  readonly threads: number;
  /** GFLOP/s of multiply-adds in registers on all threads. Blocks for about a second. */
  peak(): number;
  dispose(): void;
}

export interface NativeProgram {
  readonly bytes: number;
  run(): Promise<void>;
  write(operand: NativeOperand, data: Float32Array | Int32Array): Promise<void>;
  read(operand: NativeOperand, into: Float32Array | Int32Array): Promise<void>;
  /** Of each step, in the last run. */
  milliseconds(): Float64Array;
  dispose(): void;
}

export interface NativeModule {
  readonly Engine: new (threads: number, instructionSet: string, pin: boolean) => NativeEngine;
  readonly Program: new (engine: NativeEngine, arenaBytes: number, steps: readonly NativeStep[]) => NativeProgram;
  /** What this CPU has, widest first. */
  instructionSets(): string[];
  /** CPUs that this process may use. */
  cpus(): number;
}

/** dist/native/cpu.node of the checkout, or beside the bundle that holds this code. */
function locate(): string | undefined {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    for (const candidate of [join(folder, 'dist', 'native', 'cpu.node'), join(folder, 'native', 'cpu.node')]) {
      if (existsSync(candidate)) return candidate.replace(/app\.asar(?!\.unpacked)/, 'app.asar.unpacked');
    }
    if (folder === dirname(folder)) return undefined;
  }
}

let loaded: NativeModule | undefined;

/** The native engine. Throws `device` when it is not built or does not load. */
export function nativeModule(): NativeModule {
  if (loaded !== undefined) return loaded;
  const file = locate();
  if (file === undefined) throw new StudioError('device', 'The native engine is not built. Run "npm run bootstrap" in the application\'s folder.');
  try {
    loaded = createRequire(import.meta.url)(file) as NativeModule;
    return loaded;
  } catch (cause) {
    throw new StudioError('device', 'The native engine does not load on this computer. Run "npm run bootstrap" to build it again.', { detail: String(cause), cause });
  }
}
