/**
 * A job's folder: what goes in and what comes out, so that the same folder runs in the app's compute process, in the headless worker,
 * or on another machine.
 *   job.json     kind and configuration, written once by whoever submits; `home`: the folder that may be moved as a whole (a project);
 *                `program`: the version that wrote it
 *   checkpoint/  the task's own; what a restart resumes from
 *   out/         weights, masks, reports
 *   log.jsonl    curve points and alarms, one JSON object a line
 *   result.json  the task's result, written last: its presence means done
 * Paths inside the home are relative in these files (portablePaths.ts) and absolute for whoever reads them here.
 */
import { appendFileSync, existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import * as v from 'valibot';
import { StudioError } from '#shared/base/errors.ts';
import { jobKinds } from '#shared/domain/job.ts';
import type { CurvePoint, JobAlarm, JobKind } from '#shared/domain/job.ts';
import { removeUnfinished, unfinishedName, writeFileAtomically } from '#main/files/atomicFile.ts';
import { findInstallation } from '#main/files/installation.ts';
import { makeFolder, makeFolderBelow } from '#main/files/makeFolder.ts';
import { withAbsolutePaths, withRelativePaths } from '#main/files/portablePaths.ts';

const format = 2;
const anyFormat = v.object({ format: v.number(), program: v.optional(v.string()) });
const description = { id: v.string(), kind: v.picklist(jobKinds), config: v.unknown() };
const jobFile = v.variant('format', [
  v.object({ format: v.literal(1), ...description }), // all paths absolute
  v.object({ format: v.literal(2), ...description, home: v.string() }),
]);
export interface JobFile {
  readonly id: string;
  readonly kind: JobKind;
  readonly config: unknown;
}

export const pointLine = v.object({
  step: v.number(),
  seconds: v.number(),
  loss: v.nullable(v.number()),
  learningRate: v.nullable(v.number()),
  dice: v.nullable(v.record(v.string(), v.number())),
});
export const alarmLine = v.object({ at: v.string(), severity: v.picklist(['info', 'warning', 'error']), message: v.string() });

export interface JobLog {
  readonly points: readonly CurvePoint[];
  readonly alarms: readonly JobAlarm[];
}

export const checkpointFolder = (folder: string): string => join(folder, 'checkpoint');
export const outFolder = (folder: string): string => join(folder, 'out');

/** Makes the folder with its configuration. `home` holds it: the folder itself, or one above, which has to be there (else `not-found`). */
export async function createJobFolder(folder: string, job: JobFile, home = folder): Promise<void> {
  await prepareJobFolder(folder, home);
  await writeJobFile(folder, job, home);
}

async function writeJobFile(folder: string, { id, kind, config }: JobFile, home: string): Promise<void> {
  const way = relative(folder, home).split(sep).join('/');
  await writeFileAtomically(
    join(folder, 'job.json'),
    JSON.stringify(
      {
        format,
        program: findInstallation(import.meta.dirname).version,
        id,
        kind,
        home: way,
        config: withRelativePaths(config, folder, home),
      },
      null,
      2,
    ),
  );
}

/** Throws `not-found` where `home`, a folder above it, has gone. */
export async function prepareJobFolder(folder: string, home = folder): Promise<void> {
  if (home === folder) makeFolder(folder);
  makeFolderBelow(home, checkpointFolder(folder));
  makeFolderBelow(home, outFolder(folder));
  await removeUnfinished(checkpointFolder(folder));
}

/** Throws `not-found`, `corrupt`, or `unsupported` where a newer version wrote it. */
export async function readJobFile(folder: string): Promise<JobFile & { readonly home: string }> {
  const json = await readJson(join(folder, 'job.json'), 'This folder holds no job (job.json is missing).');
  refuseNewer(json);
  const parsed = v.safeParse(jobFile, json);
  if (!parsed.success)
    throw new StudioError('corrupt', 'The job description (job.json) is damaged; submit the job again.', {
      detail: v.summarize(parsed.issues),
    });
  const { id, kind, config } = parsed.output;
  const home = parsed.output.format === 1 ? folder : resolve(folder, ...parsed.output.home.split('/'));
  return { id, kind, config: withAbsolutePaths(config, folder), home };
}

/** A newer program may mean something else by the same words. */
function refuseNewer(json: unknown): void {
  const own = findInstallation(import.meta.dirname).version;
  const found = v.safeParse(anyFormat, json);
  if (!found.success) return;
  const { program = '0.1.0' } = found.output;
  if (found.output.format > format || isNewer(program, own))
    throw new StudioError(
      'unsupported',
      `This job was written by LoGoNet Studio ${program}, and this is ${own}: install the same version here. Nothing was changed.`,
    );
}

/** Whether version `a` (1.2.3) came after `b`. */
function isNewer(a: string, b: string): boolean {
  const [left, right] = [a, b].map((version) => version.split(/[.-]/).map((part) => Number.parseInt(part, 10) || 0));
  for (let n = 0; n < 3; n++) {
    const difference = (left?.[n] ?? 0) - (right?.[n] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return false;
}

/** Written last: from now on the job counts as done. */
export async function writeResult(folder: string, result: unknown, home = folder): Promise<void> {
  await writeFileAtomically(join(folder, 'result.json'), JSON.stringify(withRelativePaths(result ?? null, folder, home)));
}

/** The result of a job that is done. Throws `not-found` before that. */
export async function readResult(folder: string): Promise<unknown> {
  return withAbsolutePaths(withPresentNames(await readJson(join(folder, 'result.json'), 'This job has no result yet.')), folder);
}

/** Names in results that version 0.1.0 wrote, and what they are called now. */
const renamed: Readonly<Record<string, string>> = { leftOut: 'skipped', secondLook: 'suspectMasks' };

function withPresentNames(result: unknown): unknown {
  if (typeof result !== 'object' || result === null || Array.isArray(result)) return result;
  return Object.fromEntries(Object.entries(result).map(([name, value]) => [renamed[name] ?? name, value]));
}

export function hasCheckpoint(folder: string): boolean {
  const path = checkpointFolder(folder);
  return existsSync(path) && readdirSync(path).some((name) => !unfinishedName.test(name));
}

export function appendLog(folder: string, line: { readonly point: CurvePoint } | { readonly alarm: JobAlarm }): void {
  appendFileSync(join(folder, 'log.jsonl'), `${JSON.stringify(line)}\n`);
}

/** Points in order of steps: what a resumed run repeats replaces what it had logged before. Torn or foreign lines are passed over. */
export async function readLog(folder: string): Promise<JobLog> {
  const text = await readFile(join(folder, 'log.jsonl'), 'utf8').catch(() => '');
  const points: CurvePoint[] = [];
  const alarms: JobAlarm[] = [];
  for (const line of text.split('\n')) {
    const value = parseLine(line);
    const point = v.safeParse(v.object({ point: pointLine }), value);
    if (point.success) {
      while ((points.at(-1)?.step ?? -1) >= point.output.point.step) points.pop();
      points.push(point.output.point);
    }
    const alarm = v.safeParse(v.object({ alarm: alarmLine }), value);
    if (alarm.success) alarms.push(alarm.output.alarm);
  }
  return { points, alarms };
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

async function readJson(path: string, missing: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new StudioError('not-found', missing, { cause: error });
  });
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new StudioError('corrupt', 'A file of this job is damaged; submit the job again.', { detail: path, cause: error });
  }
}
