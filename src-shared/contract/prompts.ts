import * as v from 'valibot';
import { defineService } from './define.ts';
import { bytes, count, nothing } from './values.ts';

/** A network that is asked with prompts, where there is one: what it makes of them is worked out beside predictions and trainings. */
export const prompts = defineService({
  methods: {
    /** Voxels of a side of the cube that it is asked about; null where there is no such network. */
    network: { input: nothing, output: v.strictObject({ side: v.nullable(count) }) },
    /** The chance of each voxel of a cube to be meant, 0 to 255. `input`: its channels one after another, little-endian float32. `conflict` where no project is open. */
    ask: { input: v.strictObject({ input: bytes }), output: v.strictObject({ chance: bytes }) },
  },
  events: {},
});
