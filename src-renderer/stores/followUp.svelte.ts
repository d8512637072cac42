import type { Client } from '#shared/contract/client.ts';
import { copyPrediction, decodeMask } from '#shared/segmentation/index.ts';
import type { Activities, ActivityContext } from './activities.svelte.ts';
import { maskFor } from './caseData.ts';
import type { CaseImages } from './caseImages.svelte.ts';
import type { Editing } from './editing.svelte.ts';

export type OtherScan = Awaited<ReturnType<Client['scans']['list']>>['others'][number];
export type VolumesOfScan = Awaited<ReturnType<Client['scans']['volumes']>>['scans'][number];

interface Parts {
  readonly client: Client;
  readonly activities: Activities;
  readonly caseId: string;
  readonly editing: Editing;
  readonly images: CaseImages;
}

/** The other scans of the open case's patient: to be looked at, to start from, and the volumes of labels over all of them. */
export class FollowUp {
  readonly #parts: Parts;
  others = $state.raw<readonly OtherScan[]>([]);
  /** Of this case, too; by day. */
  volumes = $state.raw<readonly VolumesOfScan[]>([]);

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Finds the other scans, and makes them images that the views can show. */
  async load(): Promise<void> {
    const { client, activities, caseId, images } = this.#parts;
    try {
      const { others } = await client.scans.list({ caseId });
      images.addScans(others);
      this.others = others;
      if (others.length > 0) this.volumes = (await client.scans.volumes({ caseId })).scans;
    } catch (error) {
      activities.fail(error, 'Looking for other scans of the patient');
    }
  }

  /** Makes the mask of another scan this one's, as one step that locked labels and limits hold against. */
  async start({ caseId: scanId }: OtherScan, { signal }: ActivityContext): Promise<void> {
    const { client, activities, caseId, editing } = this.#parts;
    const { name, mask } = await client.scans.start({ caseId, scanId }, { signal });
    editing.requireSettled();
    const delta = copyPrediction(
      { volume: editing.mask, ...editing.limits, image: editing.image },
      maskFor(decodeMask(mask), editing.mask),
      {
        replace: true,
      },
    );
    editing.push(name, delta);
    activities.say(delta.changed === 0 ? `${name} changed nothing.` : `${name}: ${delta.changed.toLocaleString('en')} voxels changed.`);
  }
}
