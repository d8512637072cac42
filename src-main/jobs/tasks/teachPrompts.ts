import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import * as v from 'valibot';
import { throwIfCancelled } from '#shared/base/cancellation.ts';
import { Random } from '#shared/base/random.ts';
import { inTurns } from '#shared/base/steps.ts';
import { compareLessons, lessonsVerdict, type LessonComparison, type LessonRow } from '#shared/domain/pointing.ts';
import type { LabelledCase } from '#shared/domain/trainingCase.ts';
import { LessonCases } from '#shared/prompts/learnLesson.ts';
import type { Lesson } from '#shared/prompts/lesson.ts';
import { caseAnswerer, pointOut, truthOf, wantedDice } from '#shared/prompts/reader.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import { readJson } from '#main/files/jsonStore.ts';
import { lessonComparison, lessonsFile, type storedLessons } from '../requests/improvePrompts.ts';
import type { TaskContext } from '../task.ts';
import { readPointed, structuresToMeasure, type PointedMasks } from './promptCases.ts';

/** More cases of a structure say little more, and more structures would take longer than the network does. */
const mostCases = 20;
const mostLabels = 24;

interface Teaching {
  readonly training: readonly LabelledCase[];
  readonly heldOut: readonly LabelledCase[];
  readonly masks: PointedMasks;
  readonly seed: number;
}

type Context = Pick<TaskContext<unknown>, 'cancellation' | 'alarm' | 'report' | 'turn' | 'outFolder'>;

const compared = v.array(lessonComparison);

/**
 * What accepted cases teach of the structures that are pointed at, compared on held-out ones with the classifier of the case alone: `outFolder` gets the
 * lessons. Once: an attempt that was interrupted later does not do it again. Empty where no held-out case measures.
 */
export async function teachPrompts({ training, heldOut, masks, seed }: Teaching, context: Context): Promise<LessonComparison[]> {
  const { outFolder, alarm } = context;
  const done = join(outFolder, 'lessons.compared.json');
  const before = readJson(done, compared);
  if (before !== undefined) return before;
  const lessons = await learnAll(training, masks, seed, context);
  const comparison = await compare(lessons, heldOut, masks, context);
  const kept = [...lessons].map(([label, { values }]) => {
    const measured = comparison.find((each) => each.label === label) ?? null;
    return { label, measured, values: [...values] };
  });
  await writeFileAtomically(join(outFolder, lessonsFile), JSON.stringify({ lessons: kept } satisfies v.InferInput<typeof storedLessons>));
  await writeFileAtomically(done, JSON.stringify(comparison));
  const verdict = lessonsVerdict(comparison);
  if (verdict !== '') alarm('info', verdict);
  return comparison;
}

async function learnAll(
  training: readonly LabelledCase[],
  masks: PointedMasks,
  seed: number,
  context: Context,
): Promise<ReadonlyMap<string, Lesson>> {
  const gathered = new Map<string, LessonCases>();
  const drawn = new Random(seed).shuffle([...training]).slice(0, mostCases);
  for (const [index, each] of drawn.entries()) {
    throwIfCancelled(context.cancellation);
    await context.turn();
    context.report({ phase: 'Looking at accepted structures', fraction: 0, detail: `${String(index + 1)} of ${String(drawn.length)}` });
    const read = await readPointed(each, masks, context);
    for (const structure of read?.structures ?? []) {
      if (read === null || (!gathered.has(structure.name) && gathered.size >= mostLabels)) continue;
      const own = gathered.get(structure.name) ?? new LessonCases();
      own.add(read.image, truthOf(read.image, read.mask, structure));
      if (own.cases > 0) gathered.set(structure.name, own);
    }
  }
  const lessons = new Map<string, Lesson>();
  for (const [name, own] of gathered) {
    const lesson = await inTurns(own.learn(), async () => {
      throwIfCancelled(context.cancellation);
      await setImmediate();
      await context.turn();
    });
    if (lesson !== null) lessons.set(name, lesson);
  }
  return lessons;
}

async function compare(
  lessons: ReadonlyMap<string, Lesson>,
  heldOut: readonly LabelledCase[],
  masks: PointedMasks,
  context: Context,
): Promise<LessonComparison[]> {
  const rows: LessonRow[] = [];
  for await (const { from, image, structures } of structuresToMeasure(heldOut, masks, context, ({ name }) => lessons.has(name))) {
    for (const { name, truth } of structures) {
      const dice: (readonly number[])[] = [];
      for (const lesson of [null, lessons.get(name) ?? null]) {
        throwIfCancelled(context.cancellation);
        await context.turn();
        dice.push(await pointOut(caseAnswerer(image, lesson), truth, wantedDice));
      }
      const [without = [], withIt = []] = dice;
      rows.push({ label: name, without, withIt });
    }
    context.report({ phase: 'Pointing in held-out cases', fraction: 0, detail: from.name });
  }
  return compareLessons(rows);
}
