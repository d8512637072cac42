import { toWireError, type WireError } from '#shared/base/errors.ts';
import type { LabelVolume, Volume } from '#shared/geometry/grid.ts';
import { decodeMask, labelCounts, labelMiddles, runOperation, type EditTarget, type Operation } from '#shared/segmentation/index.ts';
import { place, type Patch } from './patches.ts';
import { surfaceOf, thinned, type Surface } from '../../src-shared/geometry/surfaceNets.ts';

/** What an operation may change. */
export type EditLimits = Pick<EditTarget, 'policy' | 'threshold'>;

export type WorkRequest =
  | { readonly kind: 'open'; readonly mask: Uint8Array | LabelVolume }
  | { readonly kind: 'patch'; readonly patches: readonly Patch[] }
  | { readonly kind: 'layer'; readonly layer: 'image' | 'prediction'; readonly volume: Volume }
  | { readonly kind: 'operation'; readonly id: number; readonly operation: Operation; readonly limits: EditLimits }
  | { readonly kind: 'counts'; readonly id: number }
  | { readonly kind: 'middles'; readonly id: number }
  | { readonly kind: 'surfaces'; readonly id: number; readonly labels: readonly number[] };

export type WorkReply =
  | { readonly kind: 'progress'; readonly id: number; readonly phase: string; readonly fraction: number }
  | { readonly kind: 'done'; readonly id: number; readonly result: unknown }
  | { readonly kind: 'failed'; readonly id: number; readonly error: WireError };

/** Surfaces are made from at most about this many voxels. */
const surfaceVoxels = 12_000_000;

let mask: LabelVolume | null = null;
let image: Volume | undefined;
let prediction: LabelVolume | undefined;
/** The surfaces that the window has. */
const known = new Map<number, Surface>();

const sameSurface = (a: Surface, b: Surface): boolean =>
  a.points.length === b.points.length && a.triangles.length === b.triangles.length && a.points.every((value, at) => value === b.points[at]);

const reply = (message: WorkReply): void => postMessage(message);

onmessage = ({ data: request }: MessageEvent<WorkRequest>): void => {
  switch (request.kind) {
    case 'open':
      mask = request.mask instanceof Uint8Array ? decodeMask(request.mask) : request.mask;
      image = undefined;
      prediction = undefined;
      return;
    case 'patch':
      if (mask !== null) for (const patch of request.patches) place(mask, patch);
      return;
    case 'layer':
      if (request.layer === 'image') image = request.volume;
      else prediction = request.volume as LabelVolume;
      return;
    default:
      try {
        reply({ kind: 'done', id: request.id, result: answer(request) });
      } catch (error) {
        reply({ kind: 'failed', id: request.id, error: toWireError(error) });
      }
  }
};

function answer(request: Extract<WorkRequest, { readonly id: number }>): unknown {
  if (mask === null) return null;
  const report = (phase: string, fraction: number): void => reply({ kind: 'progress', id: request.id, phase, fraction });
  if (request.kind === 'counts') return labelCounts(mask);
  if (request.kind === 'middles') return labelMiddles(mask);
  if (request.kind === 'operation') {
    const target = {
      volume: mask,
      ...request.limits,
      ...(image === undefined ? {} : { image }),
      progress: ({ phase, fraction }: { readonly phase: string; readonly fraction: number }): void => report(phase, fraction),
    };
    return runOperation(target, request.operation, prediction === undefined ? {} : { prediction }).bytes;
  }
  const step = Math.max(1, Math.ceil(Math.cbrt(mask.data.length / surfaceVoxels)));
  const thin = thinned(mask.data as Uint8Array, mask.grid, [step, step, step]);
  for (const label of known.keys()) if (!request.labels.includes(label)) known.delete(label);
  return request.labels.map((label, index): readonly [number, Surface | null] => {
    report('Surfaces', index / request.labels.length);
    const surface = surfaceOf(thin.mask, thin.grid, label);
    const before = known.get(label);
    if (before !== undefined && sameSurface(before, surface)) return [label, null];
    known.set(label, surface);
    return [label, surface];
  });
}
