import * as v from 'valibot';
import { defineRequest } from './request.ts';

const schema = v.object({
  /** A device's id that the person wants, or 'auto'. */
  wanted: v.optional(v.string(), 'auto'),
  /** Also check drivers that compute on the processor. */
  software: v.optional(v.boolean(), false),
  /** Tune graphics devices again. */
  tune: v.optional(v.boolean(), false),
});
export type DevicesConfig = v.InferOutput<typeof schema>;

/** What is known of a device after its check. */
export interface CheckedDevice {
  /** 'cpu', 'tensorflow' or 'webgpu:' and the adapter's name ('+half' behind it: in half precision); what `--device` takes. */
  readonly id: string;
  readonly name: string;
  readonly executor: 'cpu' | 'webgpu' | 'tensorflow';
  /** A graphics driver that computes on the processor. */
  readonly software: boolean;
  readonly usable: boolean;
  /** Why it is not usable, and what to do; empty when it is. */
  readonly reason: string;
  readonly memoryBytes: number | null;
  /** Whether the golden step gave the right numbers; null: not tried. */
  readonly correct: boolean | null;
  /** Rate of the short benchmark; null: not measured. */
  readonly gigaflops: number | null;
  readonly proposed: boolean;
  readonly chosen: boolean;
}

export const devicesRequest = defineRequest<readonly CheckedDevice[]>()('check of devices', schema);
