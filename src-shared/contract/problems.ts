import * as v from 'valibot';
import { defineService } from './define.ts';
import { count, id, list, nothing, severity, text, timestamp } from './values.ts';

/** Every warning and refused file of the open project, with its reason. */
export const problem = v.strictObject({
  id,
  at: timestamp,
  severity,
  /** The file or case that it is about, where there is one. */
  subject: text(4096),
  caseId: v.nullable(id),
  message: text(4000),
});

export const problems = defineService({
  methods: {
    list: {
      input: v.strictObject({ offset: v.optional(count, 0), limit: v.optional(v.pipe(count, v.minValue(1), v.maxValue(1000)), 200) }),
      output: v.strictObject({ total: count, problems: list(problem, 1000) }),
    },
    /** Takes one off the list, or all of them. */
    dismiss: { changes: true, input: v.strictObject({ problemId: v.optional(id) }), output: nothing },
  },
  events: { changed: nothing },
});
