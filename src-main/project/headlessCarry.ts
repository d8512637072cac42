/** Projects that travel and meet, without a window: packed, unpacked, merged; and folders that are watched. */
import { stat } from 'node:fs/promises';
import { StudioError } from '#shared/base/errors.ts';
import { packProject, type PackOptions, type PackResult } from '#main/exchange/carry/packProject.ts';
import { carryOut, importTarget, type ImportOptions, type ImportResult } from '#main/exchange/importCases.ts';
import { describePlan, type DescribedPlan } from '#main/exchange/plan/describePlan.ts';
import type { LabelChoices } from '#main/exchange/plan/mapLabels.ts';
import { planImport } from '#main/exchange/plan/planImport.ts';
import { readingAgreement, type AgreementTable } from '#main/exchange/readings/agreement.ts';
import { mergeReadings, type MergeResult } from '#main/exchange/readings/mergeReadings.ts';
import { unpackProject } from '#main/exchange/carry/unpackProject.ts';
import { withOtherProject } from '#main/exchange/readings/otherProject.ts';
import { FolderWatch, type Arrival } from '#main/exchange/watch/folderWatch.ts';
import { WatchMemory } from '#main/exchange/watch/watchedFolder.ts';
import { openProjectReadOnly } from '#main/library/index.ts';
import { withProject, withProjectToRead, type HeadlessOptions } from './headless.ts';
import { byOptions } from './byOptions.ts';

/** Throws as `packProject`; a project that is open elsewhere is packed as it stands. */
export function packProjectFolder(folder: string, out: string, options: PackOptions & Pick<HeadlessOptions, 'note'>): Promise<PackResult> {
  return withProjectToRead(folder, options.note, ({ project }) => packProject(project, out, options));
}

export { unpackProject };
export type { ImportResult };

/** Takes the other project's masks as readings, and compares all that there are. Throws as `mergeReadings`. */
export function mergeIntoProject(
  folder: string,
  other: string,
  reader: string | undefined,
  options: HeadlessOptions,
): Promise<{ merged: MergeResult; agreement: AgreementTable }> {
  return withProject(folder, async ({ project }) => ({
    merged: await withOtherProject(other, options, (opened) =>
      mergeReadings(project, opened, { ...options, ...(reader !== undefined && { reader }) }),
    ),
    agreement: await readingAgreement(project, options),
  }));
}

export interface WatchOptions extends HeadlessOptions {
  readonly quietSeconds: number;
  /** Only until something has arrived. */
  readonly once: boolean;
  /** Imports what is planned, if no question is open; else it is only shown. */
  readonly imports: Pick<ImportOptions, 'mode' | 'masksAre'> | null;
  readonly choices: LabelChoices;
  readonly note: (line: string) => void;
  readonly arrived: (arrival: Arrival, plan: DescribedPlan, result: ImportResult | null) => void;
}

/**
 * Looks at a folder until it is cancelled, or once something has arrived. The project is open only while an import is planned and done; where
 * it is open elsewhere, or the folder is away, that is waited for.
 */
export async function watchForProject(folder: string, watched: string, options: WatchOptions): Promise<void> {
  openProjectReadOnly(folder).close();
  const watch = new FolderWatch(watched, { quietSeconds: options.quietSeconds, known: new WatchMemory(folder).known(watched) });
  let said = '';
  const say = (line: string): void => {
    if (line !== said) options.note(line);
    said = line;
  };
  while (!options.cancellation.aborted) {
    const start = performance.now();
    const arrival = await watch.look();
    if (arrival !== null) {
      try {
        await planArrival(folder, arrival, options);
        watch.seen(arrival.look);
        if (options.once) return;
      } catch (error) {
        if (!(error instanceof StudioError && error.code === 'conflict')) throw error;
        say(error.message);
      }
    } else if ((await stat(watched).catch(() => null)) === null) say(`${watched} is not reachable; it is waited for.`);
    await pause(Math.max(Math.min(leastPauseMs, 250 * options.quietSeconds + 50), 10 * (performance.now() - start)), options);
  }
}

const leastPauseMs = 5000;

function planArrival(folder: string, arrival: Arrival, { imports, choices, arrived, cancellation, report }: WatchOptions): Promise<void> {
  return withProject(folder, async ({ project, problems }) => {
    const options = { cancellation, report, answers: byOptions };
    const plan = await planImport(arrival.sources, importTarget(project, cancellation), { ...options, choices, choicesMayBeUnused: true });
    if (imports === null || plan.question !== null) {
      arrived(arrival, describePlan(plan), null);
      return;
    }
    const result = await carryOut(project, plan, {
      mode: imports.mode,
      ...(imports.masksAre && { masksAre: imports.masksAre }),
      ...options,
    });
    await problems.add(result.skipped.map(({ path, message }) => ({ severity: 'error' as const, subject: path, message, caseId: null })));
    await new WatchMemory(project.paths.folder).seen(arrival.folder, arrival.look);
    arrived(arrival, describePlan(plan), result);
  });
}

async function pause(milliseconds: number, { cancellation }: HeadlessOptions): Promise<void> {
  const end = performance.now() + milliseconds;
  while (performance.now() < end && !cancellation.aborted)
    await new Promise((done) => {
      setTimeout(done, Math.min(200, milliseconds));
    });
}
