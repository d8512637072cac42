import * as v from 'valibot';
import { measurementKinds } from '../domain/measurement.ts';
import { defineService } from './define.ts';
import { id, list, nothing, triple } from './values.ts';

/** Points in LPS millimetres. */
export const measurement = v.strictObject({
  id,
  kind: v.picklist(measurementKinds),
  orientation: v.picklist(['axial', 'coronal', 'sagittal']),
  points: v.pipe(list(triple, 10_000), v.minLength(2)),
});
const of = { caseId: id };
const all = { measurements: list(measurement, 1000) };

/** Distances, angles and areas that a person has measured: kept with the case, exported as a table and as JSON. */
export const measurements = defineService({
  methods: {
    get: { input: v.strictObject(of), output: v.strictObject(all) },
    /** Replaces them; answers when they are on disk. */
    set: { changes: true, input: v.strictObject({ ...of, ...all }), output: nothing },
  },
  events: {},
});
