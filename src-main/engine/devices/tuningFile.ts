import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import { tuneDevice, tunedRates, type Tuning } from '../executors/webgpu/tuning.ts';
import type { WebgpuExecutor } from '../executors/webgpu/executor.ts';

/** Tunings of this computer's graphics cards by adapter and driver, as `GPU (driver)`. */
type Tunings = Readonly<Record<string, Tuning>>;

export interface TuningRun {
  /** The file that remembers tunings. */
  readonly file: string;
  /** Longest time for it; what there is no time for goes by expectation. */
  readonly seconds: number;
  /** What is done where a tuning is remembered: take it (unless given), measure what it lacks, or measure everything again. */
  readonly effort?: 'complete' | 'again';
  readonly report?: (fraction: number) => void;
}

/** The remembered tuning of a device; undefined where there is none or the file is damaged. */
export async function readTuning(file: string, device: string): Promise<Tuning | undefined> {
  return (await readAll(file))[device];
}

/**
 * Gives a graphics device its tuning: the remembered one, else one that is measured now and remembered. Drivers that compute on the
 * processor are left as they are. A tuning that cannot be written serves this time only.
 */
export async function applyTuning(executor: WebgpuExecutor, { file, seconds, effort, report }: TuningRun): Promise<Tuning> {
  if (executor.software) return {};
  const known = effort === 'again' ? undefined : await readTuning(file, executor.description);
  const tuning =
    known === undefined || effort !== undefined
      ? await tuneDevice(executor, { seconds, ...(known && { known }), ...(report && { report }) })
      : known;
  if (tuning !== known) await remember(file, executor.description, tuning).catch(() => undefined);
  executor.setRates(tunedRates(tuning, executor.software));
  return tuning;
}

/** Adds a device's tuning to the file, which is replaced as a whole. */
export async function remember(file: string, device: string, tuning: Tuning): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFileAtomically(file, JSON.stringify({ ...(await readAll(file)), [device]: tuning }, null, 2));
}

async function readAll(file: string): Promise<Tunings> {
  try {
    const read: unknown = JSON.parse(await readFile(file, 'utf8'));
    return isTunings(read) ? read : {};
  } catch {
    return {};
  }
}

function isTunings(value: unknown): value is Tunings {
  return (
    isRecord(value) &&
    Object.values(value).every(
      (tuning) =>
        isRecord(tuning) &&
        Object.values(tuning).every(
          (rates) => isRecord(rates) && Object.values(rates).every((rate) => typeof rate === 'number' && rate >= 0),
        ),
    )
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
