import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import type { Job } from '#shared/domain/job.ts';
import { needsFewerClicks } from '#shared/domain/pointing.ts';
import { copyDurably, replaceFolder } from '#main/files/durable.ts';
import { makeFolderBelow } from '#main/files/makeFolder.ts';
import { readJobFile, readResult } from '#main/jobs/jobFolder.ts';
import { lessonComparison, lessonsFile } from '#main/jobs/requests/improvePrompts.ts';
import type { Project } from '#main/library/index.ts';
import { addVersion, pointingComparison, useVersion, versionFolder } from '../pointing/versions.ts';
import type { AdoptionEvents } from './adoptionEvents.ts';

const asked = v.object({ despite: v.optional(v.boolean(), false) });
const result = v.object({
  trainingCases: v.number(),
  structures: v.number(),
  steps: v.number(),
  weightsHash: v.string(),
  measured: v.nullable(pointingComparison),
  lessons: v.optional(v.array(lessonComparison), []),
});

/** Copies the prompt network and the lessons of a job into the project, and puts the network in use where it needs fewer clicks, or that was asked for whatever it needs. */
export async function adoptPointing(project: Project, job: Job, folder: string, events: AdoptionEvents): Promise<void> {
  const made = v.parse(result, await readResult(folder));
  const { despite } = v.parse(asked, (await readJobFile(folder)).config);
  const place = versionFolder(project, job.id);
  if (!existsSync(place))
    await replaceFolder(
      place,
      (incoming) => makeFolderBelow(project.paths.folder, incoming),
      (incoming) => {
        for (const name of ['weights.safetensors', 'model.json', lessonsFile]) {
          // A job of an earlier version has no lessons.
          if (name !== lessonsFile || existsSync(join(folder, 'out', name))) copyDurably(join(folder, 'out', name), join(incoming, name));
        }
      },
    );
  await addVersion(project, { id: job.id, jobId: job.id, createdAt: job.endedAt ?? new Date().toISOString(), ...made });
  if (despite || needsFewerClicks(made.measured)) await useVersion(project, job.id);
  events.pointingChanged();
}
