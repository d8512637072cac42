import * as v from 'valibot';
import { diskKinds } from '../domain/diskKind.ts';
import { defineService } from './define.ts';
import { count, id, list, nothing, path, text } from './values.ts';

const size = { files: count, bytes: count };
export const cleanable = v.picklist(['predictions', 'prepared', 'jobs', 'damaged', 'leftovers']);

/** Room on the disk: what the project takes, what can be cleaned, and whether something that is about to be written will fit. */
export const disk = defineService({
  methods: {
    usage: {
      input: nothing,
      output: v.strictObject({
        kinds: list(
          v.strictObject({
            kind: v.picklist(diskKinds),
            ...size,
          }),
          20,
        ),
        /** What can be made again or is of no use. */
        cleanable: list(v.strictObject({ kind: cleanable, ...size }), 20),
        freeBytes: v.nullable(count),
      }),
    },
    /** Removes it; answers with what was freed. `conflict` while a job runs. */
    clean: { changes: true, input: v.strictObject({ kinds: v.pipe(list(cleanable, 10), v.minLength(1)) }), output: v.strictObject(size) },
    /** A sentence where an export would fill the disk that it goes to; null where it fits. */
    exportWarning: {
      input: v.strictObject({ format: id, destination: path, caseIds: v.optional(list(id, 100_000)) }),
      output: v.strictObject({ warning: v.nullable(text(1000)) }),
    },
  },
  events: {},
});
