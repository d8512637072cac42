import * as v from 'valibot';
import { defineService } from './define.ts';
import { count, id, list, nothing, path, text, wireError } from './values.ts';

export const exportFormat = v.strictObject({
  id,
  name: text(128),
  description: text(1000),
  /** 'case': one result per case; 'project': one for all. */
  scope: v.picklist(['case', 'project']),
  /** Its files hold a label's number as it is, so that it can be the source's. */
  keepsValues: v.boolean(),
  /** Its labels may overlap, so that each can have all that lies inside it. */
  byRegion: v.boolean(),
});

export const exportedFile = v.strictObject({
  caseId: v.nullable(id),
  path,
  bytes: count,
  /** Read back and compared in world coordinates. Only verified files count as done. */
  verified: v.boolean(),
  differingVoxels: v.nullable(count),
  message: text(2000),
});

/** Called `exports`, since `export` is a reserved word. */
export const exports = defineService({
  methods: {
    formats: { input: nothing, output: v.strictObject({ formats: list(exportFormat, 50) }) },
    /** Writes, reads back, compares. Reports progress. A case that fails does not stop the rest. */
    run: {
      input: v.strictObject({
        format: id,
        destination: path,
        /** Which cases: these, or every accepted one. */
        cases: v.variant('kind', [
          v.strictObject({ kind: v.literal('these'), caseIds: v.pipe(list(id, 100_000), v.minLength(1)) }),
          v.strictObject({ kind: v.literal('accepted') }),
        ]),
        source: v.optional(v.picklist(['mask', 'prediction']), 'mask'),
        deidentify: v.optional(v.boolean(), true),
        overwrite: v.optional(v.boolean(), false),
        /** Of labels: the project's, or those of the files that the masks came from. */
        values: v.optional(v.picklist(['project', 'source']), 'project'),
        /** Each label with all that lies inside it, in a format that is `byRegion`. */
        regions: v.optional(v.boolean(), false),
      }),
      output: v.strictObject({
        files: list(exportedFile, 200_000),
        failures: list(v.strictObject({ caseId: id, error: wireError }), 100_000),
        /** The table on this computer that says whom the names of a de-identified export stand for; null where none was needed. */
        pseudonyms: v.nullable(path),
      }),
    },
  },
  events: {},
});
