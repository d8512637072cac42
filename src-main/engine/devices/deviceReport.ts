import { HALF } from './openDevice.ts';

/** A device that may run networks, before anybody tried it. */
export interface DeviceCandidate {
  /** 'cpu', 'tensorflow' or 'webgpu:' and the adapter's name ('+half' behind it: in half precision); what `--device` takes. */
  readonly id: string;
  readonly name: string;
  readonly executor: 'cpu' | 'webgpu' | 'tensorflow';
  /** A graphics driver that computes on the processor. */
  readonly software: boolean;
}

/** What is known of a device after its check. */
export interface DeviceReport extends DeviceCandidate {
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

/** The fastest device that is usable, correct, computes in full precision and is no software driver; undefined when there is none. */
export function fastest(reports: readonly DeviceReport[]): DeviceReport | undefined {
  return reports
    .filter(({ id, usable, correct, software }) => usable && correct === true && !software && !id.endsWith(HALF))
    .reduce<DeviceReport | undefined>((best, report) => ((report.gigaflops ?? 0) > (best?.gigaflops ?? -1) ? report : best), undefined);
}

/**
 * Marks the proposed device, and the chosen one: what the person wants where that is usable, else the proposed one.
 * @param wanted a device's id, or 'auto'
 */
export function withChoice(reports: readonly DeviceReport[], wanted: string): DeviceReport[] {
  const proposed = fastest(reports);
  const chosen = reports.find(({ id, usable }) => id === wanted && usable) ?? proposed;
  return reports.map((report) => ({ ...report, proposed: report.id === proposed?.id, chosen: report.id === chosen?.id }));
}
