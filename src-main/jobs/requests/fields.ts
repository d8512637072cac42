/** Parts that several kinds of work are asked with. */
import * as v from 'valibot';
import { placedBy } from '#shared/domain/caseImages.ts';

/** What `--device` takes; 'webgpu:' and an adapter's name chooses among several graphics cards. */
export const deviceNames = ['cpu', 'webgpu', 'tensorflow', 'reference'] as const;

/** Ends the id of a graphics card that is to store large intermediates as float16: 'webgpu+half', 'webgpu:NAME+half'. */
export const HALF = '+half';

/** One file, or the files of a series. */
export const path = v.union([v.string(), v.array(v.string())]);

/** Of an image that a project knows: other content is refused (KnownImage). */
export const knownImageFields = { expectedHash: v.optional(v.string()), modifiedAt: v.optional(v.string()) };

const affine = v.tuple(Array.from({ length: 12 }, () => v.number()) as unknown as Numbers12);
type Num = v.NumberSchema<undefined>;
type Numbers12 = [Num, Num, Num, Num, Num, Num, Num, Num, Num, Num, Num, Num];

/** The images of a case, the leading one first (CaseFiles); absent where it has one. */
export const caseChannels = v.optional(
  v.pipe(
    v.array(
      v.object({
        name: v.string(),
        image: path,
        volume: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
        placement: v.optional(v.object({ by: v.picklist(placedBy), toLeading: v.nullable(affine) })),
        scale: v.optional(v.object({ factor: v.number(), unit: v.string() })),
        contentHash: v.optional(v.string()),
        ...knownImageFields,
      }),
    ),
    v.minLength(1),
  ),
);

/** Names of a case's images that a network takes, in the order of its input. */
export const channelNames = v.optional(v.pipe(v.array(v.string()), v.minLength(1), v.maxLength(16)));

export const deviceFields = { device: v.optional(v.string(), 'cpu'), threads: v.optional(v.number()) };

/** How long a prompt network learns. */
export const learningBudget = v.union([
  v.object({ minutes: v.pipe(v.number(), v.gtValue(0)) }),
  v.object({ steps: v.pipe(v.number(), v.integer(), v.minValue(1)) }),
]);

export const labelSet = v.object({
  labels: v.array(
    v.object({ value: v.number(), name: v.string(), color: v.string(), locked: v.boolean(), inside: v.optional(v.number()) }),
  ),
});

/** mm along i, j, k; or voxels along D, H, W. */
export const triple = v.tuple([v.number(), v.number(), v.number()]);

export const intensity = v.variant('kind', [
  v.object({ kind: v.literal('window'), low: v.number(), high: v.number() }),
  v.object({ kind: v.literal('zscore'), lowPercentile: v.number(), highPercentile: v.number() }),
  v.object({
    kind: v.literal('local'),
    lowPercentile: v.number(),
    highPercentile: v.number(),
    millimetres: v.number(),
    sliceAxis: v.optional(v.picklist([0, 1, 2])),
  }),
]);

/** As `ModelChannel`. */
export const modelChannels = v.optional(v.array(v.object({ name: v.string(), intensity, optional: v.optional(v.literal(true)) })));

/** Of a project's case, as a job reads it. */
export const caseFields = {
  id: v.string(),
  name: v.string(),
  image: path,
  channels: caseChannels,
  contentHash: v.optional(v.string()),
  ...knownImageFields,
};

/** Of clustering and of pre-training. `learnedFolder`: where what is pre-trained is kept, as earlier versions named it. */
export const scanFields = {
  scans: v.array(v.object(caseFields)),
  learnedFolder: v.string(),
  ...deviceFields,
  seed: v.optional(v.number(), 0),
};
