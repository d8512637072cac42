import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';

export interface OpAttribute {
  readonly name: string;
  readonly type: number;
  readonly value: boolean | number | string | readonly number[];
}

export interface TensorHandle {
  readonly id: number;
  readonly shape: readonly number[];
  readonly dtype: number;
}

/** What this executor uses of the native binding of tfjs-node (its own tfjs_binding.d.ts describes the rest). */
export interface TensorflowBinding {
  createTensor(shape: readonly number[], dtype: number, data: Float32Array | Int32Array): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): Float32Array | Int32Array | Uint8Array;
  executeOp(name: string, attributes: readonly OpAttribute[], inputs: readonly number[], outputs: number): TensorHandle[];
  isUsingGpuDevice(): boolean;
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  readonly TF_BOOL: number;
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_TYPE: number;
  readonly TF_Version: string;
}

const packages = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'];

/** Folders that may hold the packages: LOGONET_TENSORFLOW, where `npm run install:tensorflow` puts them, and the program's own. */
function moduleFolders(): string[] {
  const root = resolve(import.meta.dirname, '../../../..');
  const named = process.env['LOGONET_TENSORFLOW'];
  return [...(named === undefined ? [] : [named]), join(root, '.cache', 'tensorflow'), root].map((folder) => join(folder, 'node_modules'));
}

function findBinding(): { readonly file: string; readonly version: string } | undefined {
  for (const folder of moduleFolders()) {
    for (const name of packages) {
      const library = join(folder, name, 'lib');
      if (!existsSync(library)) continue;
      const file = readdirSync(library)
        .map((napi) => join(library, napi, 'tfjs_binding.node'))
        .find((path) => existsSync(path));
      if (file !== undefined) return { file, version: packageVersion(join(dirname(library), 'package.json')) };
    }
  }
  return undefined;
}

function packageVersion(file: string): string {
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version?: string };
  return version ?? '';
}

/** Whether TensorFlow is installed; says nothing of whether it loads. */
export function tensorflowInstalled(): boolean {
  return findBinding() !== undefined;
}

/**
 * Loads the installed TensorFlow.
 * Throws `unsupported` when it is not installed and `device` when it does not load, with what to do.
 */
export function loadTensorflow(): { readonly binding: TensorflowBinding; readonly version: string } {
  const found = findBinding();
  if (found === undefined)
    throw new StudioError(
      'unsupported',
      'TensorFlow is not installed. It is only needed on CUDA machines that already use it: "npm run install:tensorflow" sets it up.',
    );
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
  try {
    return { binding: createRequire(import.meta.url)(found.file) as TensorflowBinding, version: found.version };
  } catch (error) {
    throw new StudioError(
      'device',
      'The installed TensorFlow does not load. Install it again with "npm run install:tensorflow", or use another device.',
      { cause: error, detail: String(error) },
    );
  }
}
