import { must } from '#shared/base/assert.ts';
import type { Operation } from '#shared/segmentation/index.ts';
import type { Editing } from '../stores/editing.svelte.ts';
import type { ViewerState } from '../stores/viewer.svelte.ts';
import { orientations, type Orientation } from '../vtk/viewPlane.ts';
import { toolById, tools } from './registry.ts';
import type { ParameterValue, ParameterValues, PointerTool, Preview, Tool, ToolHost, ToolPointer } from './types.ts';

const nothing: Record<Orientation, readonly Preview[]> = { axial: [], coronal: [], sagittal: [] };

interface ControllerOptions {
  readonly viewer: ViewerState;
  readonly onError: (error: unknown) => void;
  readonly runOperation: (name: string, operation: Operation) => void;
}

/** Which tool is in the hand, its settings, and what it draws over the views. */
export class ToolController implements ToolHost {
  readonly viewer: ViewerState;
  readonly #options: ControllerOptions;
  #editing = $state.raw<Editing | null>(null);
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

  get values(): ParameterValues {
    return this.#values[this.#tool.id] ?? {};
  }

  get editing(): Editing {
    return must(this.#editing, 'an open case');
  }

  setEditing(editing: Editing | null): void {
    this.#cancel();
    this.#editing = editing;
  }

  select(id: string): void {
    const next = toolById(id);
    if (next === undefined || next === this.#tool) return;
    this.#cancel();
    this.#tool = next;
  }

  setValue(id: string, value: ParameterValue): void {
    this.#values[this.#tool.id] = { ...this.#values[this.#tool.id], [id]: value };
  }

  setPreview(orientation: Orientation, previews: readonly Preview[]): void {
    this.previews = { ...nothing, [orientation]: previews };
  }

  runOperation(name: string, operation: Operation): void {
    this.#options.runOperation(name, operation);
  }

  /** Runs the tool in the hand, if it is one that works at the press of a button. */
  applyOperation(): void {
    const tool = this.#tool;
    if (tool.kind !== 'operation' || this.#editing === null) return;
    this.#guard(() => {
      const { name, operation } = tool.build(this);
      this.runOperation(name, operation);
    });
  }

  down(pointer: ToolPointer): void {
    this.#withPointerTool((tool) => {
      this.#pressed = true;
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
    if (key === 'Escape') {
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

  #cancel(): void {
    this.#pressed = false;
    if (this.#editing !== null && this.#tool.kind === 'pointer') this.#tool.handler.cancel?.(this);
    this.previews = nothing;
  }
}

function initialValues(): Record<string, Record<string, ParameterValue>> {
  return Object.fromEntries(tools.map((tool) => [tool.id, Object.fromEntries(tool.parameters.map(({ id, initial }) => [id, initial]))]));
}
