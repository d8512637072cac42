import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { throwIfCancelled, type Cancellation } from '#shared/base/cancellation.ts';
import type { Volume } from '#shared/geometry/grid.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import { readImage } from '#main/imageio/readImage.ts';
import { readMask } from '#main/imageio/readMask.ts';
import type { Caller } from '#main/jobs/run.ts';
import { readBed, splitCases, type Bed, type BedSource } from './bed.ts';
import { writeReport, type Report } from './experimentReport.ts';
import { keepSettings } from './experimentTrials.ts';

/** A study that measures case by case what is pointed out. */
export interface CaseStudy extends BedSource {
  readonly outFolder: string;
  /** Patients that are measured, the same for every arm. */
  readonly testCases: number;
  /** Folder of a prompt network, for its arm. */
  readonly network?: string | undefined;
  readonly device: string;
  readonly threads?: number | undefined;
}

/** The cases of a study: those that measure, and those that may teach. */
export interface StudyCases {
  readonly bed: Bed;
  readonly test: Bed['labelled'];
  readonly pool: Bed['labelled'];
}

/** Reads the cases of a study, which goes on in its folder. Throws `conflict` where that holds the same with other settings; `holding` says of what. */
export async function openCases(
  study: CaseStudy & { readonly arms?: readonly string[]; readonly accepted?: object | undefined },
  holding: string,
): Promise<StudyCases> {
  const { outFolder, dataset, labels, channel, testCases, arms, network, accepted } = study;
  const work = join(outFolder, 'work');
  await mkdir(work, { recursive: true });
  const settings = JSON.stringify({ dataset, labels, channel, testCases, arms, network, accepted });
  await keepSettings(join(work, 'settings.json'), settings, holding);
  const bed = await readBed({ ...study, channel: channel ?? 0 });
  if (bed.test !== undefined) return { bed, test: bed.test, pool: bed.labelled };
  return { bed, ...splitCases(bed.labelled, testCases, ({ name }) => name) };
}

export interface ReadCase {
  readonly name: string;
  readonly image: Volume;
  readonly mask: Volume;
}

export async function readCase({ name, image, labels }: Bed['labelled'][number], cancellation: Cancellation): Promise<ReadCase> {
  const { volume } = await readImage(image, { cancellation });
  return { name, image: volume, mask: (await readMask(labels, cancellation)).volume };
}

/** Measures the cases that are not done yet, keeps what each came to, and writes the report, which grows with each. */
export async function measureCases<Row>(
  { outFolder }: CaseStudy,
  { test }: StudyCases,
  {
    phase,
    measure,
    report,
  }: {
    readonly phase: string;
    readonly measure: (each: ReadCase) => Promise<Row[]>;
    readonly report: (rows: readonly Row[]) => Report;
  },
  caller: Caller,
): Promise<{ report: string; rows: readonly Row[] }> {
  const { cancellation } = caller;
  const rows: Row[] = [];
  for (const [index, each] of test.entries()) {
    const { name } = each;
    throwIfCancelled(cancellation);
    caller.report({ phase: `${phase} ${name}`, fraction: index / test.length });
    const kept = join(outFolder, 'work', `${name}.json`);
    const before = await readFile(kept, 'utf8').catch(() => null);
    if (before !== null) {
      rows.push(...(JSON.parse(before) as Row[]));
      continue;
    }
    const own = await measure(await readCase(each, cancellation));
    await writeFileAtomically(kept, JSON.stringify(own));
    rows.push(...own);
    await writeReport(outFolder, report(rows));
  }
  await writeReport(outFolder, report(rows));
  return { report: join(outFolder, 'report.md'), rows };
}
