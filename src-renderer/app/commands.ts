import type { Studio, Workspace } from '../stores/studio.svelte.ts';
import { workspaces } from '../stores/studio.svelte.ts';
import type { ToolController } from '../tools/controller.svelte.ts';
import { tools as allTools } from '../tools/registry.ts';

/** Something the person can do by key, palette or menu. */
export interface Command {
  readonly id: string;
  readonly name: string;
  readonly group: string;
  /** As tinykeys writes it; several by a bar. */
  readonly keys: string;
  readonly enabled: () => boolean;
  readonly run: () => void;
}

export const workspaceNames: Record<Workspace, string> = {
  start: 'Start', cases: 'Cases', correct: 'Correct', train: 'Train', models: 'Models', export: 'Export', problems: 'Problems', settings: 'Settings',
};

export interface CaseActions {
  predict(): void;
  takePrediction(): void;
  accept(): void;
  undo(): void;
  redo(): void;
  tour(step: 1 | -1): void;
}

interface CommandParts {
  readonly studio: Studio;
  readonly tools: ToolController;
  readonly actions: CaseActions;
  readonly openPalette: () => void;
  readonly openKeys: () => void;
  readonly openImport: () => void;
}

/** Every command of the window. */
export function commandsOf({ studio, tools, actions, openPalette, openKeys, openImport }: CommandParts): readonly Command[] {
  const { viewer, scene } = studio;
  const always = (): boolean => true;
  const inProject = (): boolean => studio.project !== null;
  const inCase = (): boolean => studio.session !== null && studio.workspace === 'correct';
  const command = (id: string, name: string, group: string, keys: string, enabled: () => boolean, run: () => void): Command => ({ id, name, group, keys, enabled, run });
  const toggle = (layer: 'mask' | 'prediction' | 'difference' | 'uncertainty') => (): void => scene.setLook(layer, { visible: !scene.looks[layer].visible });
  const editing = () => studio.session?.editing;
  return [
    command('palette', 'Command palette', 'General', '$mod+k', always, openPalette),
    command('keys', 'Keyboard sheet', 'General', 'Shift+?', always, openKeys),
    ...workspaces.map((workspace, index) => command(`go.${workspace}`, `Go to ${workspaceNames[workspace]}`, 'General', `Alt+Digit${index + 1}`,
      () => workspace === 'start' || workspace === 'settings' || studio.project !== null, () => studio.go(workspace))),
    command('import', 'Import files or a folder', 'Project', '$mod+i', inProject, openImport),
    command('close', 'Close the project', 'Project', '', inProject, () => void studio.closeProject()),
    command('next', 'Open the next case', 'Project', '$mod+.', inProject, () => void studio.openNext()),
    command('undo', 'Undo', 'Case', '$mod+z', inCase, actions.undo),
    command('redo', 'Redo', 'Case', '$mod+Shift+Z|$mod+y', inCase, actions.redo),
    command('predict', 'Predict this case', 'Case', '$mod+p', inCase, actions.predict),
    command('take', 'Take the prediction', 'Case', '', inCase, actions.takePrediction),
    command('accept', 'Accept this case', 'Case', '$mod+Enter', inCase, actions.accept),
    command('tour.next', 'Next uncertain region', 'Case', 'n', inCase, () => actions.tour(1)),
    command('tour.previous', 'Previous uncertain region', 'Case', 'Shift+N', inCase, () => actions.tour(-1)),
    command('apply', 'Apply the tool', 'Case', 'Enter', () => inCase() && tools.tool.kind === 'operation', () => tools.applyOperation()),
    ...allTools.map((tool) => command(`tool.${tool.id}`, tool.name, 'Tools', tool.key, inCase, () => tools.select(tool.id))),
    command('label.remove', 'Remove the label that is drawn with', 'Labels', '', () => inCase() && editing()?.label(editing()?.activeLabel ?? 0) !== undefined, () => {
      const session = editing();
      if (session !== undefined) session.removing = session.label(session.activeLabel) ?? null;
    }),
    ...Array.from({ length: 9 }, (_, n) => command(`label.${n + 1}`, `Label ${n + 1}`, 'Labels', `Digit${n + 1}`, () => inCase() && (editing()?.labels.length ?? 0) > n, () => {
      const session = editing();
      const label = session?.labels[n];
      if (session !== undefined && label !== undefined) session.activeLabel = label.value;
    })),
    command('slice.next', 'Next slice', 'View', 'ArrowUp|PageUp', inCase, () => viewer.scroll(viewer.active, 1)),
    command('slice.previous', 'Previous slice', 'View', 'ArrowDown|PageDown', inCase, () => viewer.scroll(viewer.active, -1)),
    command('zoom.in', 'Closer', 'View', '+|=', inCase, () => viewer.zoom(viewer.active, 1.25)),
    command('zoom.out', 'Further', 'View', '-', inCase, () => viewer.zoom(viewer.active, 0.8)),
    command('crosshair', 'Show or hide the crosshair', 'View', 'x', inCase, () => { viewer.crosshairShown = !viewer.crosshairShown; }),
    command('layer.mask', 'Show or hide the correction', 'View', 'v', inCase, toggle('mask')),
    command('layer.prediction', 'Show or hide the prediction', 'View', 'q', inCase, toggle('prediction')),
    command('layer.difference', 'Show or hide the difference', 'View', 'd', inCase, toggle('difference')),
    command('layer.uncertainty', 'Show or hide the uncertainty', 'View', 'u', inCase, toggle('uncertainty')),
    command('maximise', 'Maximise or restore the view', 'View', 'Shift+F', inCase, () => { viewer.layout = viewer.layout === viewer.active ? 'grid' : viewer.active; }),
    command('straight', 'Straight planes, fitted', 'View', 'Shift+O', inCase, () => viewer.resetPlanes()),
    ...Array.from({ length: 6 }, (_, n) => command(`window.${n + 1}`, `Window preset ${n + 1}`, 'View', `Shift+Digit${n + 1}`, () => inCase() && (studio.session?.windows.length ?? 0) > n, () => {
      const session = studio.session;
      const preset = session?.windows[n];
      if (session !== null && preset !== undefined) viewer.setWindowRange(session.toStored(preset.low), session.toStored(preset.high));
    })),
  ];
}

const pretty: Record<string, string> = { $mod: navigator.platform.startsWith('Mac') ? '⌘' : 'Ctrl', ArrowUp: '↑', ArrowDown: '↓' };

/** Keys as a person reads them: 'Ctrl+K'. */
export function readableKeys(keys: string): readonly string[] {
  return keys === '' ? [] : keys.split('|').map((each) => each.split(/\+(?=.)/).map((key) => pretty[key] ?? key.replace(/^Digit/, '').replace(/^[a-z]$/, (letter) => letter.toUpperCase()))
    .filter((key, index, all) => !(key === 'Shift' && all[index + 1] === '?')).join('+'));
}
