import { join } from 'node:path';
import * as v from 'valibot';
import { throwIfCancelled } from '#shared/base/cancellation.ts';
import { learnNow, LessonCases } from '#shared/prompts/learnLesson.ts';
import { lessonOf, type Lesson } from '#shared/prompts/lesson.ts';
import { namedStructures, structuresIn, truthOf } from '#shared/prompts/reader.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import { readJson } from '#main/files/jsonStore.ts';
import { makeFolder } from '#main/files/makeFolder.ts';
import type { Caller } from '#main/jobs/run.ts';
import type { Bed } from './bed.ts';
import { readCase } from './caseStudy.ts';

/** What accepted cases taught, by the name of the structure. */
export type Lessons = ReadonlyMap<string, Lesson>;

const stored = v.record(v.string(), v.array(v.number()));

/** What cases teach, once: kept in the folder. */
export async function learnLessons(
  cases: Bed['labelled'],
  { labels }: Bed,
  folder: string,
  { cancellation, note }: Caller,
): Promise<Lessons> {
  const file = join(folder, 'lessons.json');
  let kept = readJson(file, stored);
  if (kept === undefined) {
    const gathered = new Map(namedStructures(labels).map(({ name }) => [name, new LessonCases()]));
    for (const each of cases) {
      throwIfCancelled(cancellation);
      const { image, mask } = await readCase(each, cancellation);
      for (const structure of structuresIn(mask.data, labels)) {
        const own = gathered.get(structure.name) ?? new LessonCases();
        gathered.set(structure.name, own);
        own.add(image, truthOf(image, mask, structure));
      }
    }
    const learned = [...gathered].map(([name, own]) => [name, learnNow(own)] as const);
    kept = Object.fromEntries(learned.flatMap(([name, lesson]) => (lesson === null ? [] : [[name, [...lesson.values]]])));
    makeFolder(folder);
    await writeFileAtomically(file, JSON.stringify(kept));
    note(`Lessons from ${String(cases.length)} cases.`);
  }
  const lessons = Object.entries(kept).flatMap(([name, values]) => {
    const lesson = lessonOf(Float32Array.from(values));
    return lesson === null ? [] : [[name, lesson] as const];
  });
  return new Map(lessons);
}
