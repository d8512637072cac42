import { StudioError } from '../base/errors.ts';
import type { IjkPoint, LabelVolume } from '../geometry/grid.ts';
import { combine, copyPrediction, type BooleanOperator, type CopyOptions } from './combine.ts';
import type { Delta } from './delta.ts';
import { doneHere, type DoneHereOptions } from './doneHere.ts';
import { erasingPolicy, type EditTarget } from './editor.ts';
import { floodFill, regionGrow } from './flood.ts';
import { growFromSeeds, type SeedOptions } from './growFromSeeds.ts';
import { interpolateSlices } from './interpolate.ts';
import { fillHoles, keepLargest, removeSmall } from './islands.ts';
import { grow, hollow, smooth } from './morphology.ts';
import { paint } from './paint.ts';
import { scissors, type ScissorsOptions } from './scissors.ts';
import type { ShapeDescription } from './shapes.ts';

type Axis = 0 | 1 | 2;

/** Every edit as plain data, so that it can go to a worker. Lengths in millimetres, seeds as whole voxel indices. */
export type Operation =
  | { readonly kind: 'paint'; readonly shape: ShapeDescription; readonly label: number; readonly only?: number }
  | { readonly kind: 'floodFill'; readonly seed: IjkPoint; readonly label: number; readonly plane?: Axis }
  | {
      readonly kind: 'regionGrow';
      readonly seed: IjkPoint;
      readonly label: number;
      readonly low: number;
      readonly high: number;
      readonly plane?: Axis;
    }
  | ({ readonly kind: 'growFromSeeds' } & SeedOptions)
  | { readonly kind: 'interpolate'; readonly label: number; readonly axis: Axis }
  | { readonly kind: 'keepLargest'; readonly label: number }
  | { readonly kind: 'removeSmall'; readonly label: number; readonly minimumMillilitres: number }
  | { readonly kind: 'fillHoles'; readonly label: number; readonly axis?: Axis }
  | { readonly kind: 'smooth'; readonly label: number; readonly method: 'median' | 'gaussian'; readonly radius: number }
  | { readonly kind: 'grow'; readonly label: number; readonly distance: number }
  | { readonly kind: 'hollow'; readonly label: number; readonly thickness: number }
  | ({ readonly kind: 'doneHere' } & DoneHereOptions)
  | ({ readonly kind: 'scissors' } & ScissorsOptions)
  | {
      readonly kind: 'boolean';
      readonly label: number;
      readonly operator: BooleanOperator;
      readonly operand?: { readonly layer: 'mask' | 'prediction'; readonly labels: readonly number[] };
    }
  | ({ readonly kind: 'copyPrediction' } & CopyOptions);

/** Runs an operation on the volume, in place, and returns its delta. Throws `invalid-argument` where a layer or parameter is missing, `cancelled`. */
export function runOperation(given: EditTarget, operation: Operation, layers: { readonly prediction?: LabelVolume } = {}): Delta {
  const target =
    'label' in operation && operation.label !== undefined ? { ...given, policy: erasingPolicy(given.policy, operation.label) } : given;
  switch (operation.kind) {
    case 'paint':
      return paint(target, operation.shape, operation.label, operation.only);
    case 'floodFill':
      return floodFill(target, operation.seed, operation.label, operation.plane);
    case 'regionGrow':
      return regionGrow(target, operation.seed, operation.label, operation.low, operation.high, operation.plane);
    case 'growFromSeeds':
      return growFromSeeds(target, operation);
    case 'interpolate':
      return interpolateSlices(target, operation.label, operation.axis);
    case 'keepLargest':
      return keepLargest(target, operation.label);
    case 'removeSmall':
      return removeSmall(target, operation.label, operation.minimumMillilitres);
    case 'fillHoles':
      return fillHoles(target, operation.label, operation.axis);
    case 'smooth':
      return smooth(target, operation.label, operation.method, operation.radius);
    case 'grow':
      return grow(target, operation.label, operation.distance);
    case 'hollow':
      return hollow(target, operation.label, operation.thickness);
    case 'doneHere':
      return doneHere(target, operation);
    case 'scissors':
      return scissors(target, operation);
    case 'boolean': {
      const { label, operator, operand } = operation;
      if (operand === undefined) return combine(target, label, operator);
      const volume = operand.layer === 'mask' ? target.volume : predictionOf(layers);
      return combine(target, label, operator, { volume, labels: operand.labels });
    }
    case 'copyPrediction':
      return copyPrediction(target, predictionOf(layers), operation);
  }
}

function predictionOf({ prediction }: { readonly prediction?: LabelVolume }): LabelVolume {
  if (prediction === undefined) throw new StudioError('invalid-argument', 'This case has no prediction yet; run the model on it first.');
  return prediction;
}
