/** submission.json of a job that runs elsewhere: who runs it, where its folder lies for them, and what they call it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { writeText } from '#main/files/durable.ts';

/** Of a folder that is handed over: the images, masks and model that were packed into it. */
export const INPUT = 'input';

const schema = v.object({
  format: v.literal(1),
  /** As `schedulerFor` takes it. */
  target: v.string(),
  /** The folder that is handed over; null: the job's own. */
  place: v.nullable(v.string()),
  /** What the scheduler calls the run; null before it has it. */
  id: v.nullable(v.string()),
});
export type Submission = v.InferOutput<typeof schema>;

export function readSubmission(folder: string): Submission | undefined {
  const path = join(folder, 'submission.json');
  if (!existsSync(path)) return undefined;
  const parsed = v.safeParse(schema, JSON.parse(readFileSync(path, 'utf8')));
  return parsed.success ? parsed.output : undefined;
}

export function writeSubmission(folder: string, submission: Omit<Submission, 'format'>): void {
  writeText(join(folder, 'submission.json'), JSON.stringify({ format: 1, ...submission }));
}

/** Where the files of a job are that runs, or ran, elsewhere; the job's own folder for every other. */
export function handedOver(folder: string): string {
  return readSubmission(folder)?.place ?? folder;
}
