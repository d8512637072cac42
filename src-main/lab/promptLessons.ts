import { join } from 'node:path';
import * as v from 'valibot';
import { throwIfCancelled } from '#shared/base/cancellation.ts';
import { learnNow, LessonCases } from '#shared/prompts/learnLesson.ts';
import { lessonOf, type Lesson } from '#shared/prompts/lesson.ts';
import { namedStructures, structuresIn, truthOf } from '#shared/prompts/reader.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import { readJson } from '#main/files/jsonStore.ts';
import { makeFolder } from '#main/files/makeFolder.ts';
import { readImage } from '#main/imageio/readImage.ts';
import { readMask } from '#main/imageio/readMask.ts';
import type { Caller } from '#main/jobs/run.ts';
import { drawCases } from './bed.ts';
import type { StudyCases } from './caseStudy.ts';
import { taughtArm } from './promptArms.ts';
import type { PromptStudy } from './promptStudy.ts';

/** What accepted cases taught, by the name of the structure. */
export type Lessons = ReadonlyMap<string, Lesson>;

const stored = v.record(v.string(), v.array(v.number()));

/** What the accepted cases of each seed teach, once: kept in the study's folder. */
export async function learnLessons(
  { accepted, arms, outFolder }: PromptStudy,
  { bed, pool }: StudyCases,
  { cancellation, note }: Caller,
): Promise<Lessons[]> {
  const found: Lessons[] = [];
  for (let seed = 0; accepted !== undefined && arms.includes(taughtArm) && seed < accepted.seeds; seed++) {
    const file = join(outFolder, 'work', 'lessons', `${String(seed)}.json`);
    let kept = readJson(file, stored);
    if (kept === undefined) {
      const gathered = new Map(namedStructures(bed.labels).map(({ name }) => [name, new LessonCases()]));
      const cases = drawCases(pool, accepted.patients, seed, ({ name }) => name);
      for (const { image, labels } of cases) {
        throwIfCancelled(cancellation);
        const { volume } = await readImage(image, { cancellation });
        const mask = (await readMask(labels, cancellation)).volume;
        for (const structure of structuresIn(mask.data, bed.labels)) {
          const own = gathered.get(structure.name) ?? new LessonCases();
          gathered.set(structure.name, own);
          own.add(volume, truthOf(volume, mask, structure));
        }
      }
      const learned = [...gathered].map(([name, own]) => [name, learnNow(own)] as const);
      kept = Object.fromEntries(learned.flatMap(([name, lesson]) => (lesson === null ? [] : [[name, [...lesson.values]]])));
      makeFolder(join(outFolder, 'work', 'lessons'));
      await writeFileAtomically(file, JSON.stringify(kept));
      note(`${taughtArm}, seed ${String(seed)}: lessons from ${String(cases.length)} cases.`);
    }
    const lessons = Object.entries(kept).flatMap(([name, values]) => {
      const lesson = lessonOf(Float32Array.from(values));
      return lesson === null ? [] : [[name, lesson] as const];
    });
    found.push(new Map(lessons));
  }
  return found;
}
