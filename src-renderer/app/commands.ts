import { chooseStrokes } from '../panels/strokesFile.ts';
import type { Studio, Workspace } from '../stores/studio.svelte.ts';
import { workspaces } from '../stores/studio.svelte.ts';
import type { SliceDirection } from '../stores/throughSlices.svelte.ts';
import type { ToolController } from '../tools/controller.svelte.ts';
import { tools as allTools } from '../tools/registry.ts';

/** Something the person can do by key, palette or menu. */
export interface Command {
  readonly id: string;
  readonly name: string;
  readonly group: string;
  /** As tinykeys writes it; several by a bar. */
  readonly keys: string;
  /** Before a person changed them. */
  readonly initialKeys: string;
  readonly enabled: () => boolean;
  readonly run: () => void;
  /** False where there is nothing that it could do, as for a label that a project lacks; else it is there, if not always enabled. */
  readonly exists?: () => boolean;
  /** Goes on while its key is held. */
  readonly repeats?: boolean;
}

export const workspaceNames: Record<Workspace, string> = {
  start: 'Start',
  cases: 'Cases',
  correct: 'Correct',
  train: 'Train',
  models: 'Models',
  export: 'Export',
  problems: 'Problems',
  settings: 'Settings',
};

export interface CaseActions {
  predict(): void;
  takePrediction(): void;
  accept(): void;
  acceptAndNext(): void;
  /** Shows the next label whose middle slice was not shown yet. */
  look(): void;
  undo(): void;
  redo(): void;
  /** Takes steps back, or makes them again, until so many are in force. */
  goTo(steps: number): void;
  tour(step: 1 | -1): void;
  /** Applies or cancels what a tool has proposed. */
  settle(keep: boolean): void;
  /** Puts what was pointed out into its label, or drops it. */
  settlePrompts(keep: boolean): void;
  /** Takes the slice that is proposed, if one is, and proposes the next one. */
  throughSlices(direction: SliceDirection): void;
}

interface CommandParts {
  readonly studio: Studio;
  readonly tools: ToolController;
  readonly actions: CaseActions;
  readonly openPalette: () => void;
  readonly openKeys: () => void;
  readonly openImport: () => void;
  readonly openProject: () => void;
  readonly openPacked: () => void;
  readonly createProject: () => void;
  readonly openReadings: () => void;
}

/** Every command of the window. */
export function commandsOf({ studio, tools, actions, ...open }: CommandParts): readonly Command[] {
  const { openPalette, openKeys, openImport } = open;
  const { viewer, appearance } = studio;
  const held = (each: Command): Command => Object.assign(each, { repeats: true });
  const always = (): boolean => true;
  const inProject = (): boolean => studio.project !== null;
  const inCase = (): boolean => studio.session !== null && studio.workspace === 'correct';
  const hasImages = (): boolean => inCase() && (studio.session?.images.all.length ?? 0) > 1;
  const mayChange = (): boolean => studio.project?.readOnly === null;
  const inPrompts = (): boolean => inCase() && studio.session?.prompting.active === true;
  const command = (
    id: string,
    name: string | (() => string),
    group: string,
    keys: string,
    enabled: () => boolean,
    run: () => void,
  ): Command => ({
    id,
    get name() {
      return typeof name === 'string' ? name : name();
    },
    group,
    get keys() {
      return studio.keymap.keysOf(id, keys);
    },
    initialKeys: keys,
    enabled,
    run,
  });
  const toggle = (layer: 'mask' | 'prediction' | 'difference' | 'uncertainty') => (): void =>
    appearance.setLook(layer, { visible: !appearance.looks[layer].visible });
  const editing = () => studio.session?.editing;
  /** Of what is open. */
  const labels = () => editing()?.labels ?? studio.project?.labels;
  return [
    command('palette', 'Command palette', 'General', '$mod+k', always, openPalette),
    command('keys', 'Keyboard sheet', 'General', 'Shift+?', always, openKeys),
    ...workspaces.map((workspace, index) =>
      command(
        `go.${workspace}`,
        `Go to ${workspaceNames[workspace]}`,
        'General',
        `Alt+Digit${index + 1}`,
        () => workspace === 'start' || workspace === 'settings' || studio.project !== null,
        () => studio.go(workspace),
      ),
    ),
    command('import', 'Import files or a folder', 'Project', '$mod+i', inProject, openImport),
    command('create', 'New project', 'Project', '', always, open.createProject),
    command('open', 'Open a project', 'Project', '$mod+o', always, open.openProject),
    command('open.packed', 'Open a packed project', 'Project', '', always, open.openPacked),
    command('carry', 'Carry to another computer…', 'Project', '', inProject, () => {
      studio.carrying = { file: null };
    }),
    command('readings', 'Second readings…', 'Project', '', inProject, open.openReadings),
    command('strokes', 'Open recovered strokes', 'Project', '', always, () => void openStrokes(studio)),
    command('close', 'Close the project', 'Project', '', inProject, () => void studio.closeProject()),
    command('next', 'Open the next case', 'Project', '$mod+.', inProject, () => void studio.openNext()),
    command('history', 'History of the project', 'Project', 'Alt+KeyH', inProject, () => studio.history.show()),
    command('history.undo', 'Take back the last step of the project', 'Project', 'Alt+KeyZ', inProject, () => void studio.history.undo()),
    command('history.redo', 'Do the step of the project again', 'Project', 'Alt+KeyY', inProject, () => void studio.history.redo()),
    command(
      'remove',
      'Remove the selected cases for good',
      'Project',
      '',
      () => studio.workspace === 'cases' && studio.cases.chosen.length > 0 && mayChange(),
      () => {
        studio.cases.removing = studio.cases.chosen;
      },
    ),
    held(command('undo', 'Undo', 'Case', '$mod+z', inCase, actions.undo)),
    held(command('redo', 'Redo', 'Case', '$mod+Shift+Z|$mod+y', inCase, actions.redo)),
    command('predict', 'Predict this case', 'Case', '$mod+p', inCase, actions.predict),
    command('take', 'Use the prediction', 'Case', '', inCase, actions.takePrediction),
    command('accept', 'Accept this case', 'Case', '$mod+Enter', inCase, actions.accept),
    command('accept.next', 'Accept and open the next case', 'Case', 'Shift+A', inCase, actions.acceptAndNext),
    command('look', 'Show the next label that was not looked at', 'Case', 'Shift+L', inCase, actions.look),
    command('tour.next', 'Next uncertain region', 'Case', 'n', inCase, () => actions.tour(1)),
    command('tour.previous', 'Previous uncertain region', 'Case', 'Shift+N', inCase, () => actions.tour(-1)),
    command(
      'apply',
      'Apply the tool',
      'Case',
      'Enter',
      () => inCase() && tools.tool.kind === 'operation',
      () => tools.applyOperation(),
    ),
    command(
      'preview',
      'Show what the tool would change',
      'Case',
      'Shift+Enter',
      () => inCase() && tools.tool.kind === 'operation',
      () => tools.applyOperation(true),
    ),
    command('prompts.accept', 'Take what was pointed out', 'Case', '', inPrompts, () => actions.settlePrompts(true)),
    command('prompts.back', 'Take the last prompt back', 'Case', '', inPrompts, () => studio.session?.prompting.takeBack()),
    command('prompts.drop', 'Drop what was pointed out', 'Case', '', inPrompts, () => actions.settlePrompts(false)),
    command('prompts.nextSlice', 'Go on into the next slice', 'Case', 'Shift+ArrowUp|Shift+PageUp', inCase, () => actions.throughSlices(1)),
    command('prompts.previousSlice', 'Go on into the slice before', 'Case', 'Shift+ArrowDown|Shift+PageDown', inCase, () =>
      actions.throughSlices(-1),
    ),
    ...allTools.map((tool) => command(`tool.${tool.id}`, tool.name, 'Tools', tool.key, inCase, () => tools.select(tool.id))),
    command(
      'label.remove',
      'Remove the label that is drawn with',
      'Labels',
      'Delete',
      () => inCase() && mayChange() && editing()?.label(editing()?.activeLabel ?? 0) !== undefined,
      () => {
        const session = editing();
        if (session !== undefined) session.removing = session.label(session.activeLabel) ?? null;
      },
    ),
    command(
      'label.everywhere',
      'Turn the active label into another, or erase it, in all cases',
      'Labels',
      '',
      () => inCase() && mayChange() && editing()?.label(editing()?.activeLabel ?? 0) !== undefined,
      () => {
        studio.history.everywhere = editing()?.label(editing()?.activeLabel ?? 0) ?? null;
      },
    ),
    held(command('label.next', 'Next label', 'Labels', '.', inCase, () => editing()?.stepLabel(1))),
    held(command('label.previous', 'Previous label', 'Labels', ',', inCase, () => editing()?.stepLabel(-1))),
    command('label.pick', 'Draw with the label under the pointer', 'Labels', 'y', inCase, () =>
      editing()?.pick(viewer.probe ?? viewer.crosshair),
    ),
    command('label.solo', 'Show the active label alone, or all', 'Labels', 'Shift+V', inCase, () => editing()?.toggleSolo()),
    ...Array.from({ length: 9 }, (_, n) =>
      Object.assign(
        command(
          `label.${n + 1}`,
          () => `Draw with ${labels()?.[n]?.name ?? `label ${n + 1}`}`,
          'Labels',
          `Digit${n + 1}`,
          () => inCase() && (editing()?.labels.length ?? 0) > n,
          () => {
            const session = editing();
            const label = session?.labels[n];
            if (session !== undefined && label !== undefined) session.activeLabel = label.value;
          },
        ),
        { exists: () => (labels()?.length ?? Infinity) > n },
      ),
    ),
    held(command('slice.next', 'Next slice', 'View', 'ArrowUp|PageUp', inCase, () => viewer.scroll(viewer.active, 1))),
    held(command('slice.previous', 'Previous slice', 'View', 'ArrowDown|PageDown', inCase, () => viewer.scroll(viewer.active, -1))),
    held(command('zoom.in', 'Closer', 'View', '+|=', inCase, () => viewer.zoom(viewer.active, 1.25))),
    held(command('zoom.out', 'Further', 'View', '-', inCase, () => viewer.zoom(viewer.active, 0.8))),
    command('cine', 'Play or stop the slices', 'View', 'Shift+C', inCase, () => studio.cine.toggle(viewer.active)),
    command('crosshair', 'Show or hide the crosshair', 'View', 'x', inCase, () => {
      viewer.crosshairShown = !viewer.crosshairShown;
    }),
    command('image.next', 'Next image of the case', 'View', 'ArrowRight', hasImages, () => studio.session?.images.step(1)),
    command('image.previous', 'Previous image of the case', 'View', 'ArrowLeft', hasImages, () => studio.session?.images.step(-1)),
    command('image.blend', 'Lay another image over this one, or none', 'View', 'Shift+B', hasImages, () => {
      const images = studio.session?.images;
      if (images !== undefined) void images.setBlend(images.blend === null ? images.other : null);
    }),
    command('image.beside', 'Show another image beside this one, or none', 'View', 'Shift+D', hasImages, () => {
      const images = studio.session?.images;
      if (images !== undefined) void images.setBeside(images.beside === null ? images.other : null);
    }),
    command('layer.mask', 'Show or hide the correction', 'View', 'v', inCase, toggle('mask')),
    command('layer.prediction', 'Show or hide the prediction', 'View', 'q', inCase, toggle('prediction')),
    command('layer.difference', 'Show or hide the difference', 'View', 'd', inCase, toggle('difference')),
    command('layer.uncertainty', 'Show or hide the uncertainty', 'View', 'u', inCase, toggle('uncertainty')),
    command('maximise', 'Maximise or restore the view', 'View', 'Shift+F', inCase, () => {
      viewer.layout = viewer.layout === viewer.active ? 'grid' : viewer.active;
    }),
    command('straight', 'Straight planes, fitted', 'View', 'Shift+O', inCase, () => viewer.resetPlanes()),
    ...Array.from({ length: 6 }, (_, n) =>
      command(
        `window.${n + 1}`,
        () => `Window: ${studio.session?.windows[n]?.name ?? `preset ${n + 1}`}`,
        'View',
        `Shift+Digit${n + 1}`,
        () => inCase() && (studio.session?.windows.length ?? 0) > n,
        () => {
          const session = studio.session;
          const preset = session?.windows[n];
          if (session !== null && preset !== undefined) viewer.setWindowRange(session.toStored(preset.low), session.toStored(preset.high));
        },
      ),
    ),
  ];
}

async function openStrokes(studio: Studio): Promise<void> {
  try {
    const bytes = await chooseStrokes();
    if (bytes !== null) await studio.unsaved.openStrokes(bytes);
  } catch (error) {
    studio.activities.fail(error);
  }
}
