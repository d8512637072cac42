import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Random } from '#shared/base/random.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import { CaseReader, encodeCase, IGNORED_CLASS } from '../patches/caseFile.ts';

/** From as many training cases on whole ones are set apart; of fewer, a block of slices of each, at one end and then at the other. */
const CASES_TO_SET_APART = 5;
const SHARE = 0.2;
/** Of the slices that hold a label; at the one end of a case, at the other of the next. */
const BLOCK = 1 / 3;
const FEWEST_SLICES = 2;

/** What trains in one turn, and what then measures: neither sees what the other has. */
export interface Turn<Row> {
  readonly training: readonly Row[];
  readonly apart: readonly Row[];
}

/**
 * Divides training cases into those that train and those that choose between weights. Of few cases slices are left out in turn, so that in the end
 * all have trained: there is then a turn for each end of the cases. A case with too few labelled slices trains in every turn.
 */
export async function setApart<Row extends { readonly file: string }>(rows: readonly Row[], seed: number): Promise<Turn<Row>[]> {
  if (rows.length >= CASES_TO_SET_APART) {
    const drawn = new Set(new Random(seed ^ 0xa1fa).shuffle([...rows]).slice(0, Math.round(SHARE * rows.length)));
    return [{ training: rows.filter((row) => !drawn.has(row)), apart: rows.filter((row) => drawn.has(row)) }];
  }
  const turns: Turn<Row>[] = [];
  for (const turn of [0, 1]) {
    const training: Row[] = [];
    const apart: Row[] = [];
    for (const [index, row] of rows.entries()) {
      const parts = await divide(row.file, index % 2 === turn);
      training.push(parts === undefined ? row : { ...row, file: parts.training });
      if (parts !== undefined) apart.push({ ...row, file: parts.apart });
    }
    turns.push({ training, apart });
  }
  return turns.some(({ apart }) => apart.length > 0) ? turns : [{ training: rows, apart: [] }];
}

/**
 * A case file as two beside it, of the same images: in one the slices of a block across k are marked, in the other all others. The rest of each is as if
 * nobody had marked it, so that both are seen as a whole scan is. Undefined where the case has too few labelled slices to lose any.
 */
async function divide(file: string, atHighEnd: boolean): Promise<{ readonly training: string; readonly apart: string } | undefined> {
  const reader = new CaseReader(file);
  try {
    const { size } = reader.header;
    const labelled = Array.from({ length: size[2] }, (_, k) => k).filter((k) =>
      reader.classes({ low: [0, 0, k], size: [size[0], size[1], 1] }).some((value) => value > 0 && value !== IGNORED_CLASS),
    );
    const block = Math.floor(labelled.length * BLOCK);
    if (block < FEWEST_SLICES) return undefined;
    const cut = atHighEnd ? (labelled.at(-block) ?? 0) : (labelled[block] ?? 0);
    const [low, high] = [join(dirname(file), `below-${cut}-${basename(file)}`), join(dirname(file), `from-${cut}-${basename(file)}`)];
    await writeMarked(reader, 0, cut, low);
    await writeMarked(reader, cut, size[2], high);
    return atHighEnd ? { training: low, apart: high } : { training: high, apart: low };
  } finally {
    reader.close();
  }
}

/** The whole case, of which what lies in the slices from `first` to before `end` alone stays marked. */
async function writeMarked(reader: CaseReader, first: number, end: number, file: string): Promise<void> {
  if (existsSync(file)) return;
  const { name, size, spacing, further, missing } = reader.header;
  const whole = { low: [0, 0, 0], size } as const;
  const images = Array.from({ length: 1 + further.length }, (_unused, channel) =>
    missing.includes(channel) ? null : reader.intensities(whole, [channel]),
  );
  const slice = size[0] * size[1];
  const classes = reader
    .classes(whole)
    .fill(IGNORED_CLASS, 0, first * slice)
    .fill(IGNORED_CLASS, end * slice);
  await writeFileAtomically(file, encodeCase(name, size, spacing, images, classes));
}

/** Part of the voxels of case files that somebody marked. */
export function markedShareOf(rows: readonly { readonly file: string }[]): number {
  let [marked, all] = [0, 0];
  for (const { file } of rows) {
    const reader = new CaseReader(file);
    try {
      const classes = reader.classes({ low: [0, 0, 0], size: reader.header.size });
      for (const value of classes) if (value !== IGNORED_CLASS) marked++;
      all += classes.length;
    } finally {
      reader.close();
    }
  }
  return all === 0 ? 1 : marked / all;
}
