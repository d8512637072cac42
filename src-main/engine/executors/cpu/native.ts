import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import { checkTables, type NativeTables } from './operations.ts';

/** A tensor of a step: byte offset in the arena, logical shape, and whether it is stored as integers. */
export interface NativeOperand {
  readonly element: 'f32' | 'i32';
  readonly offset: number;
  readonly shape: readonly number[];
}

/** A step as native/step.h knows it; `code` is the operation's number there, attributes are in its order. */
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
  /** Takes a copy of the data at once. */
  write(operand: NativeOperand, data: Float32Array | Int32Array): Promise<void>;
  /** Fills `into` at the end. */
  read(operand: NativeOperand, into: Float32Array | Int32Array): Promise<void>;
  /** Of each step, in the last run. */
  milliseconds(): Float64Array;
  dispose(): void;
}

export interface NativeModule extends NativeTables {
  readonly Engine: new (threads: number, instructionSet: string, pin: boolean) => NativeEngine;
  /** Throws where a step is malformed or an operand does not lie inside the arena. */
  readonly Program: new (engine: NativeEngine, arenaBytes: number, steps: readonly NativeStep[]) => NativeProgram;
  /** What this CPU has, widest first. */
  instructionSets(): string[];
  /** CPUs that this process may use. */
  cpus(): number;
}

/** dist/native/cpu.node of the checkout, or beside the bundle that holds this code; in a checkout, another build that a test names. */
function locate(): string | undefined {
  const other = process.env['LOGONET_NATIVE'];
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    if (other !== undefined && existsSync(join(folder, 'scripts', 'sanitize.mjs'))) return other;
    for (const candidate of [join(folder, 'dist', 'native', 'cpu.node'), join(folder, 'native', 'cpu.node')]) {
      if (existsSync(candidate)) return candidate.replace(/app\.asar(?!\.unpacked)/, 'app.asar.unpacked');
    }
    if (folder === dirname(folder)) return undefined;
  }
}

let loaded: NativeModule | undefined;

/** The native engine. Throws `device` when it is not built, does not load or is of another version. */
export function nativeModule(): NativeModule {
  if (loaded !== undefined) return loaded;
  const file = locate();
  if (file === undefined)
    throw new StudioError(
      'device',
      'The engine for the processor is not built. Choose a graphics card, or install a C++ compiler, make and Python 3 and run "npm run bootstrap".',
    );
  let module: NativeModule;
  try {
    module = createRequire(import.meta.url)(file) as NativeModule;
  } catch (cause) {
    throw new StudioError('device', 'The native engine does not load on this computer. Run "npm run bootstrap" to build it again.', {
      detail: String(cause),
      cause,
    });
  }
  checkTables(module);
  loaded = module;
  return loaded;
}
