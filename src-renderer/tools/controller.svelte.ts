import { must } from '#shared/base/assert.ts';
import type { Operation } from '#shared/segmentation/index.ts';
import type { Prompting } from '../stores/prompting.svelte.ts';
import type { Editing } from '../stores/editing.svelte.ts';
import type { ViewerState } from '../stores/viewer.svelte.ts';
import { orientations, type Orientation } from '../../src-shared/geometry/viewPlane.ts';
import { toolById, tools } from './registry.ts';
import type { ParameterValue, ParameterValues, PointerTool, Preview, Tool, ToolHost, ToolPointer } from './types.ts';

const nothing: Record<Orientation, readonly Preview[]> = { axial: [], coronal: [], sagittal: [] };

interface ControllerOptions {
  readonly viewer: ViewerState;
  readonly onError: (error: unknown) => void;
  readonly runOperation: (name: string, operation: Operation, preview: boolean) => void;
  /** Applies or cancels what a tool has proposed. */
  readonly onSettle: (keep: boolean) => void;
  /** Accepts or drops what was pointed out. */
  readonly onPrompts: (keep: boolean) => void;
  /** Something is about to be painted. */
  readonly onPaint: () => void;
  /** The keys of a command as the person has them, and its own. */
  readonly keysOf: (command: string, initial: string) => string;
}

/** Which tool is in the hand, its settings, and what it draws over the views. */
export class ToolController implements ToolHost {
  readonly viewer: ViewerState;
  readonly #options: ControllerOptions;
  #editing = $state.raw<Editing | null>(null);
  #prompting = $state.raw<Prompting | null>(null);
  #tool = $state.raw<Tool>(must(toolById('brush'), 'brush tool'));
  #values = $state<Record<string, Record<string, ParameterValue>>>(initialValues());
  previews = $state.raw<Record<Orientation, readonly Preview[]>>(nothing);
  #pressed = false;

  constructor(options: ControllerOptions) {
    this.viewer = options.viewer;
    this.#options = options;
  }

  get tool(): Tool {
    return this.#tool;
  }

  /** The keys that take a tool into the hand, as tinykeys writes them. */
  keysOf(tool: Tool): string {
    return this.#options.keysOf(`tool.${tool.id}`, tool.key);
  }

  get values(): ParameterValues {
    return this.#values[this.#tool.id] ?? {};
  }

  get editing(): Editing {
    return must(this.#editing, 'an open case');
  }

  get prompting(): Prompting | null {
    return this.#prompting;
  }

  setEditing(editing: Editing | null, prompting: Prompting | null): void {
    this.#cancel();
    this.#editing = editing;
    this.#prompting = prompting;
    this.#taken();
  }

  select(id: string): void {
    const next = toolById(id);
    if (next === undefined || next === this.#tool) return;
    this.#cancel();
    this.#tool = next;
    this.#taken();
  }

  setValue(id: string, value: ParameterValue): void {
    this.#values[this.#tool.id] = { ...this.#values[this.#tool.id], [id]: value };
  }

  setPreview(orientation: Orientation, previews: readonly Preview[]): void {
    this.previews = { ...nothing, [orientation]: previews };
  }

  runOperation(name: string, operation: Operation, preview = false): void {
    this.#options.onPaint();
    this.#options.runOperation(name, operation, preview);
  }

  settlePrompts(keep: boolean): void {
    this.#options.onPrompts(keep);
  }

  /** Runs the tool in the hand, if it is one that works at the press of a button; with `preview`, shows first what it would change. */
  applyOperation(preview = false): void {
    const tool = this.#tool;
    if (tool.kind !== 'operation' || this.#editing === null) return;
    this.#guard(() => {
      const { name, operation } = tool.build(this);
      this.runOperation(name, operation, preview);
    });
  }

  /** Cuts along an outline that was drawn in the 3D view (see `ScissorsOptions`). */
  cut(matrix: readonly number[], outline: readonly (readonly [number, number])[]): void {
    if (this.#editing === null || this.#tool.id !== 'scissors') return;
    this.#guard(() => {
      const { editing, values } = this;
      const active = editing.activeLabel;
      editing.readyToDraw(active);
      const visible = editing.labels.filter(({ value, locked }) => !locked && !editing.hidden.has(value)).map(({ value }) => value);
      const labels = values['labels'] === 'visible' ? visible : [active];
      const name = values['labels'] === 'visible' ? 'visible labels' : (editing.label(active)?.name ?? '');
      this.runOperation(`Scissors: ${name}`, {
        kind: 'scissors',
        labels,
        matrix,
        outline,
        erase: values['erase'] === 'outside' ? 'outside' : 'inside',
      });
    });
  }

  down(pointer: ToolPointer): void {
    this.#withPointerTool((tool) => {
      this.#pressed = true;
      if (tool.group !== 'look') this.#options.onPaint();
      tool.handler.down(pointer, this);
    });
  }

  drag(pointer: ToolPointer, path: readonly ToolPointer[]): void {
    if (this.#pressed) this.#withPointerTool((tool) => tool.handler.drag?.(pointer, path, this));
  }

  up(pointer: ToolPointer): void {
    if (!this.#pressed) return;
    this.#pressed = false;
    this.#withPointerTool((tool) => tool.handler.up?.(pointer, this));
  }

  hover(pointer: ToolPointer): void {
    this.#withPointerTool((tool) => tool.handler.hover?.(pointer, this));
  }

  doubleClick(pointer: ToolPointer): void {
    this.#withPointerTool((tool) => tool.handler.doubleClick?.(pointer, this));
  }

  leave(): void {
    const drawing = orientations.some((orientation) => this.previews[orientation].some((preview) => preview.kind === 'path'));
    if (!this.#pressed && !drawing) this.previews = nothing;
  }

  /** True when the tool used the key. Escape gives up what is begun. */
  key(key: string): boolean {
    const editing = this.#editing;
    if (editing !== null && editing.proposal !== null && (key === 'Escape' || key === 'Enter')) {
      this.#options.onSettle(key === 'Enter');
      return true;
    }
    // Whatever tool is in the hand: the slice before may have been drawn with it.
    if (this.#prompting !== null && this.#prompting.slice !== null && (key === 'Escape' || key === 'Enter')) {
      this.settlePrompts(key === 'Enter');
      return true;
    }
    if (key === 'Escape') {
      const { tool } = this;
      if (tool.kind === 'pointer' && editing !== null && tool.handler.escape?.(this) === true) return true;
      this.#cancel();
      return true;
    }
    const tool = this.#tool;
    return tool.kind === 'pointer' && this.#editing !== null && (tool.handler.key?.(key, this) ?? false);
  }

  /** The settings of all tools, to be remembered. */
  remembered(): unknown {
    return { tool: this.#tool.id, values: $state.snapshot(this.#values) };
  }

  recall(remembered: unknown): void {
    if (typeof remembered !== 'object' || remembered === null) return;
    const { tool, values } = remembered as { tool?: unknown; values?: unknown };
    if (typeof tool === 'string') this.select(tool);
    if (typeof values !== 'object' || values === null) return;
    for (const each of tools) {
      const stored = (values as Record<string, Record<string, ParameterValue> | undefined>)[each.id];
      for (const { id, initial } of each.parameters) {
        const value = stored?.[id];
        if (typeof value === typeof initial && value !== undefined) this.#values[each.id] = { ...this.#values[each.id], [id]: value };
      }
    }
  }

  #withPointerTool(act: (tool: PointerTool) => void): void {
    const tool = this.#tool;
    if (tool.kind === 'pointer' && this.#editing !== null) this.#guard(() => act(tool));
  }

  #guard(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#pressed = false;
      this.#options.onError(error);
    }
  }

  #taken(): void {
    const tool = this.#tool;
    if (this.#editing !== null && tool.kind === 'pointer') tool.handler.select?.(this);
  }

  #cancel(): void {
    this.#pressed = false;
    if (this.#editing !== null && this.#tool.kind === 'pointer') this.#tool.handler.cancel?.(this);
    this.previews = nothing;
  }
}

function initialValues(): Record<string, Record<string, ParameterValue>> {
  return Object.fromEntries(tools.map((tool) => [tool.id, Object.fromEntries(tool.parameters.map(({ id, initial }) => [id, initial]))]));
}
