import { join } from 'node:path';
import * as v from 'valibot';
import { throwIfCancelled } from '#shared/base/cancellation.ts';
import { chooseHeldOut } from '#shared/domain/heldOut.ts';
import { beginsWithPrediction, compareLessons, helpsPointing, type LessonRow } from '#shared/domain/pointing.ts';
import { diceOf } from '#shared/prompts/nextClick.ts';
import { caseAnswerer, pointOut, structuresIn, truthOf, wantedDice } from '#shared/prompts/reader.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import { readJson } from '#main/files/jsonStore.ts';
import type { ScanPredictor } from '#main/inference/scanPredictor.ts';
import type { Caller } from '#main/jobs/run.ts';
import { patientOf, type Bed } from './bed.ts';
import { readCase } from './caseStudy.ts';
import { meanOf } from './experimentPlot.ts';
import { learnLessons, type Lessons } from './promptLessons.ts';

/** Accepted cases as a project has them. */
export interface AcceptedCases {
  readonly training: Bed['labelled'];
  readonly heldOut: Bed['labelled'];
}

/** Holds about a fifth out, as Improve does. */
export async function holdOut(cases: Bed['labelled'], { labels }: Bed, seed: number, { cancellation }: Caller): Promise<AcceptedCases> {
  const candidates = [];
  for (const each of cases) {
    const { mask } = await readCase(each, cancellation);
    const present = structuresIn(mask.data, labels).flatMap(({ values }) => values);
    const patient = patientOf(each.name);
    candidates.push({ id: each.name, patient, labels: present, heldOut: false, trainedOn: false, unseen: false });
  }
  const chosen = new Set(chooseHeldOut(candidates, seed));
  return { training: cases.filter(({ name }) => !chosen.has(name)), heldOut: cases.filter(({ name }) => chosen.has(name)) };
}

/** What Point goes by in a project: lessons that help, and the structures whose prediction it begins with. */
export interface PointedProject {
  readonly lessons: Lessons;
  readonly begins: (structure: string) => boolean;
}

const measured = v.record(
  v.string(),
  v.object({ dice: v.number(), lesson: v.nullable(v.object({ without: v.number(), withIt: v.number(), first: v.number() })) }),
);

/** Learns lessons, and measures them and the model on held-out cases, by the rules of a project; once: kept in the folder. Where nothing is held out, no lesson is known and every prediction is begun with. */
export async function openProject(
  { training, heldOut }: AcceptedCases,
  bed: Bed,
  model: ScanPredictor,
  folder: string,
  caller: Caller,
): Promise<PointedProject> {
  const lessons = await learnLessons(training, bed, folder, caller);
  const file = join(folder, 'measured.json');
  let found = readJson(file, measured);
  if (found === undefined) {
    const dice: { readonly name: string; readonly dice: number }[] = [];
    const rows: LessonRow[] = [];
    for (const each of heldOut) {
      const { image, mask } = await readCase(each, caller.cancellation);
      const { labels } = await model.predict([image], caller);
      for (const structure of structuresIn(mask.data, bed.labels)) {
        throwIfCancelled(caller.cancellation);
        const truth = truthOf(image, mask, structure);
        dice.push({ name: structure.name, dice: diceOf(truth, truthOf(image, labels, structure)) });
        const lesson = lessons.get(structure.name);
        if (lesson === undefined) continue;
        const without = await pointOut(caseAnswerer(image), truth, wantedDice);
        rows.push({ label: structure.name, without, withIt: await pointOut(caseAnswerer(image, lesson), truth, wantedDice) });
      }
    }
    const compared = compareLessons(rows);
    found = Object.fromEntries(
      [...Map.groupBy(dice, ({ name }) => name)].map(([name, own]) => {
        const lesson = compared.find(({ label }) => label === name) ?? null;
        return [name, { dice: meanOf(own.map((each) => each.dice)), lesson }];
      }),
    );
    await writeFileAtomically(file, JSON.stringify(found));
    caller.note(`Measured on ${String(heldOut.length)} held-out cases: ${JSON.stringify(found)}`);
  }
  const by = found;
  const known = new Map(
    [...lessons].filter(([name]) => {
      const lesson = by[name]?.lesson;
      return lesson !== null && lesson !== undefined && helpsPointing(lesson);
    }),
  );
  return {
    lessons: known,
    begins: (name) => {
      const own = by[name];
      return own === undefined || beginsWithPrediction(own.dice, known.has(name) ? own.lesson?.first : undefined);
    },
  };
}
