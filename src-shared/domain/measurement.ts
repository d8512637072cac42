import type { LpsPoint } from '../geometry/grid.ts';

export const measurementKinds = ['distance', 'angle', 'area'] as const;
export type MeasurementKind = (typeof measurementKinds)[number];

/** What a person has measured in a view of a case. Points in LPS millimetres: two, three with the corner in the middle, or an outline. */
export interface Measurement {
  readonly id: string;
  readonly kind: MeasurementKind;
  readonly orientation: 'axial' | 'coronal' | 'sagittal';
  readonly points: readonly LpsPoint[];
}

export interface Measured {
  readonly value: number;
  readonly unit: 'mm' | '°' | 'mm²';
}

const minus = (a: LpsPoint, b: LpsPoint): LpsPoint => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const cross = (a: LpsPoint, b: LpsPoint): LpsPoint => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const dot = (a: LpsPoint, b: LpsPoint): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

/** Millimetres between two points; degrees at the middle one of three; square millimetres inside a flat outline. 0 where points are missing. */
export function measured({ kind, points }: Pick<Measurement, 'kind' | 'points'>): Measured {
  const [first, second, third] = points;
  if (kind === 'distance')
    return { value: first === undefined || second === undefined ? 0 : Math.hypot(...minus(second, first)), unit: 'mm' };
  if (kind === 'angle') {
    if (first === undefined || second === undefined || third === undefined) return { value: 0, unit: '°' };
    const [a, b] = [minus(first, second), minus(third, second)];
    return { value: (Math.atan2(Math.hypot(...cross(a, b)), dot(a, b)) * 180) / Math.PI, unit: '°' };
  }
  // Half the length of the sum of the cross products of its edges: also of an outline on an oblique plane.
  let sum: LpsPoint = [0, 0, 0];
  for (let n = 0; n < points.length && first !== undefined; n++) {
    const [from, to] = [minus(points[n] as LpsPoint, first), minus(points[(n + 1) % points.length] as LpsPoint, first)];
    const part = cross(from, to);
    sum = [sum[0] + part[0], sum[1] + part[1], sum[2] + part[2]];
  }
  return { value: Math.hypot(...sum) / 2, unit: 'mm²' };
}

/** '12.3 mm', '45.0°', '210 mm²'. */
export function measuredText(measurement: Pick<Measurement, 'kind' | 'points'>): string {
  const { value, unit } = measured(measurement);
  return `${value.toFixed(unit === 'mm²' && value >= 100 ? 0 : 1)}${unit === '°' ? '' : ' '}${unit}`;
}
