import type { LpsPoint } from '#shared/geometry/grid.ts';
import type { MeasurementKind } from '#shared/domain/measurement.ts';
import type { Label } from '#shared/domain/labelSet.ts';
import type { Operation } from '#shared/segmentation/index.ts';
import type { Prompting } from '../stores/prompting.svelte.ts';
import type { Editing } from '../stores/editing.svelte.ts';
import type { ViewerState } from '../stores/viewer.svelte.ts';
import type { Orientation, ViewFrame } from '../../src-shared/geometry/viewPlane.ts';

export type ParameterValue = number | string | boolean;

/** A setting of a tool, as its panel shows it. */
export type Parameter =
  | {
      readonly id: string;
      readonly name: string;
      readonly kind: 'number';
      readonly minimum: number;
      readonly maximum: number;
      readonly step: number;
      readonly unit: string;
      readonly initial: number;
    }
  | {
      readonly id: string;
      readonly name: string;
      readonly kind: 'choice';
      readonly choices: readonly { readonly value: string; readonly name: string }[];
      readonly initial: string;
    }
  | { readonly id: string; readonly name: string; readonly kind: 'switch'; readonly initial: boolean }
  | {
      readonly id: string;
      readonly name: string;
      readonly kind: 'label';
      readonly initial: number;
      /** The labels that make sense with the other settings. */
      choices(host: Pick<ToolHost, 'editing' | 'values'>): readonly Label[];
    };

export type ParameterValues = Readonly<Record<string, ParameterValue>>;

export type ToolGroup = 'look' | 'paint' | 'outline' | 'region' | 'refine';

/** What a view draws over the picture while a tool is at work; world points in LPS. */
export type Preview =
  | {
      readonly kind: 'circle';
      readonly centre: LpsPoint;
      readonly radius: number;
      readonly tone: PreviewTone;
      /** Of the label that is drawn with. */
      readonly color: string;
    }
  | {
      readonly kind: 'path';
      readonly points: readonly LpsPoint[];
      readonly closed: boolean;
      readonly tone: PreviewTone;
      readonly handles: boolean;
    }
  | { readonly kind: 'measure'; readonly measure: MeasurementKind; readonly points: readonly LpsPoint[] };
/** `blocked`: nothing would change here, since a label is locked. */
export type PreviewTone = 'add' | 'erase' | 'blocked';

export interface ToolPointer {
  readonly orientation: Orientation;
  readonly frame: ViewFrame;
  /** CSS pixels in the viewport. */
  readonly x: number;
  readonly y: number;
  readonly world: LpsPoint;
  readonly shift: boolean;
  readonly control: boolean;
  readonly alt: boolean;
}

/** What a tool may use. */
export interface ToolHost {
  readonly viewer: ViewerState;
  readonly editing: Editing;
  /** What is pointed out in the open case. */
  readonly prompting: Prompting | null;
  readonly values: ParameterValues;
  setValue(id: string, value: ParameterValue): void;
  setPreview(orientation: Orientation, previews: readonly Preview[]): void;
  /** Runs an operation in the worker and records it as one step; with `preview`, once the person has seen and applied it. */
  runOperation(name: string, operation: Operation, preview?: boolean): void;
  /** Puts what was pointed out into its label, or drops it. */
  settlePrompts(keep: boolean): void;
}

/** A tool that works with the pointer in a slice view. Errors that handlers throw are shown to the person. */
export interface ToolHandler {
  down(pointer: ToolPointer, host: ToolHost): void;
  /** While the button is held; `path` holds every position since the last call, the last one equal to `pointer`. */
  drag?(pointer: ToolPointer, path: readonly ToolPointer[], host: ToolHost): void;
  up?(pointer: ToolPointer, host: ToolHost): void;
  hover?(pointer: ToolPointer, host: ToolHost): void;
  /** True when the key was used. */
  key?(key: string, host: ToolHost): boolean;
  doubleClick?(pointer: ToolPointer, host: ToolHost): void;
  /** It is taken into the hand, or a case is opened while it is there. */
  select?(host: ToolHost): void;
  /** True when Escape gave up something that the tool keeps beyond what is begun. */
  escape?(host: ToolHost): boolean;
  /** Gives up what is begun: Escape, tool change. */
  cancel?(host: ToolHost): void;
}

interface ToolDescription {
  readonly id: string;
  readonly name: string;
  readonly group: ToolGroup;
  /** Shortcut as tinykeys writes it; empty for none. */
  readonly key: string;
  /** One line on how to use it. */
  readonly help: string;
  readonly parameters: readonly Parameter[];
}

export interface PointerTool extends ToolDescription {
  readonly kind: 'pointer';
  readonly cursor: string;
  readonly handler: ToolHandler;
}

/** A tool that works on the whole mask at the press of a button. */
export interface OperationTool extends ToolDescription {
  readonly kind: 'operation';
  /** The step's name, and the operation for the worker. */
  build(host: ToolHost): { readonly name: string; readonly operation: Operation };
}

export type Tool = PointerTool | OperationTool;

/** The label that a parameter stands for: the chosen one where it makes sense, else the first that does; undefined where none does. */
export function labelChoice(
  parameter: Extract<Parameter, { readonly kind: 'label' }>,
  host: Pick<ToolHost, 'editing' | 'values'>,
): Label | undefined {
  const choices = parameter.choices(host);
  return choices.find(({ value }) => value === host.values[parameter.id]) ?? choices[0];
}
