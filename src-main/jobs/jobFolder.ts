/**
 * A job's folder: what goes in and what comes out, so that the same folder runs in the app's compute process, in the headless worker,
 * or on another machine.
 *   job.json     kind and configuration, written once by whoever submits; `home`: the folder that may be moved as a whole (a project)
 *   checkpoint/  the task's own; what a restart goes on from
 *   out/         weights, masks, reports
 *   log.jsonl    curve points and alarms, one JSON object a line
 *   result.json  the task's result, written last: its presence means done
 * Paths inside the home are relative in these files (portablePaths.ts) and absolute for whoever reads them here.
 */
import { appendFileSync, existsSync, readdirSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import * as v from 'valibot';
import { StudioError } from '#shared/base/errors.ts';
import { jobKinds } from '#shared/domain/job.ts';
import type { CurvePoint, JobAlarm, JobKind } from '#shared/domain/job.ts';
import { removeUnfinished, unfinishedName, writeFileAtomically } from '#main/files/atomicFile.ts';
import { withAbsolutePaths, withRelativePaths } from '#main/files/portablePaths.ts';

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

const pointLine = v.object({
  step: v.number(), seconds: v.number(), loss: v.nullable(v.number()), learningRate: v.nullable(v.number()),
  dice: v.nullable(v.record(v.string(), v.number())),
});
const alarmLine = v.object({ at: v.string(), severity: v.picklist(['info', 'warning', 'error']), message: v.string() });

export interface JobLog {
  readonly points: readonly CurvePoint[];
  readonly alarms: readonly JobAlarm[];
}

export const checkpointFolder = (folder: string): string => join(folder, 'checkpoint');
export const outFolder = (folder: string): string => join(folder, 'out');

/** Makes the folder with its configuration. `home` holds it: the folder itself, or one above. */
export async function createJobFolder(folder: string, job: JobFile, home = folder): Promise<void> {
  await prepareJobFolder(folder);
  await writeJobFile(folder, job, home);
}

async function writeJobFile(folder: string, { id, kind, config }: JobFile, home: string): Promise<void> {
  const way = relative(folder, home).split(sep).join('/');
  await writeFileAtomically(join(folder, 'job.json'), JSON.stringify({ format: 2, id, kind, home: way, config: withRelativePaths(config, folder, home) }, null, 2));
}

export async function prepareJobFolder(folder: string): Promise<void> {
  await mkdir(checkpointFolder(folder), { recursive: true });
  await mkdir(outFolder(folder), { recursive: true });
  await removeUnfinished(checkpointFolder(folder));
}

/** Throws `not-found` or `corrupt`. */
export async function readJobFile(folder: string): Promise<JobFile & { readonly home: string }> {
  const parsed = v.safeParse(jobFile, await readJson(join(folder, 'job.json'), 'This folder holds no job (job.json is missing).'));
  if (!parsed.success) throw new StudioError('corrupt', 'The job description (job.json) is damaged; submit the job again.', { detail: v.summarize(parsed.issues) });
  const { id, kind, config } = parsed.output;
  const home = parsed.output.format === 1 ? folder : resolve(folder, ...parsed.output.home.split('/'));
  return { id, kind, config: withAbsolutePaths(config, folder), home };
}

/** Written last: from now on the job counts as done. */
export async function writeResult(folder: string, result: unknown, home = folder): Promise<void> {
  await writeFileAtomically(join(folder, 'result.json'), JSON.stringify(withRelativePaths(result ?? null, folder, home)));
}

/** The result of a job that is done. Throws `not-found` before that. */
export async function readResult(folder: string): Promise<unknown> {
  return withAbsolutePaths(await readJson(join(folder, 'result.json'), 'This job has no result yet.'), folder);
}

export function hasCheckpoint(folder: string): boolean {
  const path = checkpointFolder(folder);
  return existsSync(path) && readdirSync(path).some((name) => !unfinishedName.test(name));
}

export async function removeJobFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
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
