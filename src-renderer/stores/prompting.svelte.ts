import { StudioError } from '#shared/base/errors.ts';
import type { Disposable } from '#shared/base/disposable.ts';
import type { LabelVolume, Volume } from '#shared/geometry/grid.ts';
import { acceptProposal, barredBy } from '#shared/prompts/accept.ts';
import type { Carried } from '#shared/prompts/carry.ts';
import { isInside, type Prompt } from '#shared/prompts/prompt.ts';
import { forEachProposed, type PromptProposal } from '#shared/prompts/proposal.ts';
import type { SlicePlane } from '#shared/prompts/slab.ts';
import { innerOf, unionBox, type Box } from '#shared/segmentation/index.ts';
import { PromptWork } from '../work/prompts.ts';
import type { Beginning } from '../work/prompts.worker.ts';
import type { Editing } from './editing.svelte.ts';
import { ForNow } from './forNow.ts';
import type { KnownLook, PointingHost } from './pointingHost.ts';

/**
 * What a proposal begins with: prompts alone, or what the active label is in the mask or in the prediction; `pointed`: in the prediction where the first
 * prompt points at it, unless its model was measured to find that label badly, else prompts alone.
 */
export type BeginWith = 'pointed' | 'nothing' | 'label' | 'prediction';

/** Values of the proposal's layer. */
export const proposedValue = 1;
export const removedValue = 2;

/** What a slice becomes in the next one; the proposal is null while it is worked out. */
export interface ProposedSlice {
  readonly direction: 1 | -1;
  readonly proposal: PromptProposal | null;
}

/** A prompt that waits for its answer. */
interface Asked {
  readonly prompt: Prompt;
  readonly begin: BeginWith;
}

/** One prompt and what came of it. */
interface Step {
  readonly prompt: Prompt;
  readonly proposal: PromptProposal;
}

/**
 * What is pointed out and proposed in an open case, in a layer of its own: the mask is not changed before the proposal is accepted. Prompts
 * are answered one after another; painting goes on meanwhile.
 */
export class Prompting implements Disposable {
  readonly #editing: Editing;
  readonly #work: PromptWork;
  readonly #onError: (error: unknown) => void;
  /** Made when the tool is first taken into the hand. */
  layer = $state.raw<Volume<Uint8Array> | null>(null);
  #steps = $state.raw<readonly Step[]>([]);
  #open = $state.raw<readonly Asked[]>([]);
  /** The slice that goes on from its neighbour. */
  slice = $state.raw<ProposedSlice | null>(null);
  /** The label that is meant. */
  label = $state(0);
  /** Voxels that are proposed. */
  voxels = $state(0);
  #base: PromptProposal | null = null;
  #shown: Box | null = null;
  #hasPrediction = false;
  #running: Promise<void> = Promise.resolve();
  /** What the host was asked is known. */
  #ready: Promise<void> = Promise.resolve();
  #ending = new AbortController();
  readonly #listeners = new Set<(box: Box) => void>();
  readonly #host: PointingHost | undefined;
  #isAsked = false;
  /** The model of the prediction, and the names of labels that it finds badly. */
  #model: string | undefined;
  #poorlyFound: ReadonlySet<string> = new Set();
  #lessons: ReadonlyMap<string, KnownLook> = new Map();

  /** `host` is asked when the tool is first taken into the hand. */
  constructor(editing: Editing, onError: (error: unknown) => void, host?: PointingHost) {
    this.#host = host;
    this.#editing = editing;
    this.#onError = onError;
    this.#work = new PromptWork(editing.image, editing.mask, (of, sharper) => this.#replace(of, sharper));
  }

  /** Hears of every box of the layer that changed. */
  onChange(listener: (box: Box) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  setPrediction(prediction: LabelVolume | null, model?: string): void {
    this.#hasPrediction = prediction !== null;
    this.#work.setPrediction(prediction);
    this.#model = model;
    this.#poorlyFound = new Set();
    if (this.#isAsked) this.#lookAtModel();
  }

  /** The mask changed. */
  changed(box: Box): void {
    this.#work.changed(box);
  }

  /** The tool is taken into the hand: what the first prompt would wait for is done now. */
  ready(): void {
    const { grid, data } = this.#editing.mask;
    this.layer ??= { grid, data: new Uint8Array(data.length) };
    this.#work.warm();
    if (this.#isAsked) return;
    this.#isAsked = true;
    this.#wait(this.#host?.network(), (network) => {
      if (network !== null) this.#work.setNetwork(network);
    });
    this.#wait(this.#host?.lessons(), (lessons) => {
      this.#lessons = lessons;
    });
    this.#lookAtModel();
  }

  #lookAtModel(): void {
    const model = this.#model;
    if (model === undefined) return;
    this.#wait(this.#host?.poorlyFound(model), (labels) => {
      if (this.#model === model) this.#poorlyFound = labels;
    });
  }

  /** The first prompt is answered once that is known. */
  #wait<T>(asked: Promise<T> | undefined, then: (value: T) => void): void {
    const known = asked?.then(then, this.#onError);
    this.#ready = Promise.all([this.#ready, known]).then(() => undefined);
  }

  /** Every prompt, also those that are not answered yet. */
  get prompts(): readonly Prompt[] {
    return [...this.#steps.map(({ prompt }) => prompt), ...this.#open.map(({ prompt }) => prompt)];
  }

  get active(): boolean {
    return this.#steps.length > 0 || this.#open.length > 0 || this.slice !== null;
  }

  get busy(): boolean {
    return this.#open.length > 0 || this.slice?.proposal === null;
  }

  /** Throws `conflict` while something is pointed out. */
  requireSettled(): void {
    if (this.active) throw new ForNow('Take or drop what was pointed out first (Enter or Esc).', () => this.active);
  }

  /**
   * Points something out; false, and nothing happens, where that lies outside the image. A negative prompt with nothing to take away from
   * corrects the active label. Throws `conflict` where the active label cannot be drawn with.
   */
  add(prompt: Prompt, begin: BeginWith): boolean {
    const editing = this.#editing;
    if (!isInside(prompt, editing.mask.grid)) return false;
    if (this.slice !== null) throw new ForNow('Take or drop the proposed slice first (Enter or Esc).', () => this.slice !== null);
    if (!this.active) {
      editing.readyToDraw(editing.activeLabel);
      if (begin === 'prediction' && !this.#hasPrediction)
        throw new StudioError('not-found', 'There is no prediction yet. Press Predict first, or begin with the prompts alone.');
      this.ready();
      this.label = editing.activeLabel;
      this.#base = null;
    }
    this.#ask({ prompt, begin });
    return true;
  }

  /**
   * Proposes what a label's slice becomes in the next one along the plane's normal, or against it; answers with what came of it, null where
   * it was dropped or failed. Throws `conflict` where something else is pointed out, or the label cannot be drawn with.
   */
  async carry(plane: SlicePlane, direction: 1 | -1, label: number): Promise<Carried['kind'] | null> {
    const editing = this.#editing;
    this.requireSettled();
    editing.readyToDraw(label);
    this.ready();
    this.label = label;
    this.slice = { direction, proposal: null };
    const { signal } = this.#ending;
    try {
      await this.#ready;
      if (signal.aborted) return null;
      const { policy } = editing;
      const request = { plane, direction, label, inner: innerOf(label, policy.inside ?? []), barred: barredBy(policy, label) };
      const carried = await this.#work.carry(request, signal);
      if (signal.aborted) return null;
      if (carried.kind !== 'found') {
        this.slice = null;
        return carried.kind;
      }
      this.#base = carried.base;
      this.slice = { direction, proposal: carried.proposal };
      this.#show(carried.proposal);
      return 'found';
    } catch (error) {
      if (signal.aborted) return null;
      this.slice = null;
      this.#onError(error);
      return null;
    }
  }

  /** Resolves once nothing waits for its answer. */
  async settled(): Promise<void> {
    await this.#running;
  }

  /** Takes the last prompt back, answered or not. */
  takeBack(): void {
    if (this.slice !== null) {
      this.drop();
      return;
    }
    if (this.#open.length > 0) {
      const kept = this.#open.slice(0, -1);
      this.#stopRunning();
      this.#open = [];
      for (const asked of kept) this.#ask(asked);
      return;
    }
    this.#steps = this.#steps.slice(0, -1);
    this.#show(this.#steps.at(-1)?.proposal ?? null);
    if (this.#steps.length === 0) this.#base = null;
  }

  /** Gives the proposal up. */
  drop(): void {
    this.#stopRunning();
    this.#open = [];
    this.#steps = [];
    this.#base = null;
    this.slice = null;
    this.#show(null);
  }

  /**
   * Puts the proposal into its label as one step; answers with how many voxels changed. Throws `conflict` while a prompt waits for its
   * answer, and where the label cannot be drawn with any more.
   */
  accept(): number {
    const editing = this.#editing;
    const proposal = this.slice?.proposal ?? this.#steps.at(-1)?.proposal;
    if (this.busy) throw new ForNow('The last prompt is still being answered. Wait for its proposal, then press Enter.', () => this.busy);
    if (proposal === undefined) return 0;
    editing.readyToDraw(this.label);
    const delta = acceptProposal(editing.target(false), proposal, this.#base, this.label);
    editing.push(`${this.slice === null ? 'Point' : 'Next slice'}: ${editing.label(this.label)?.name ?? ''}`, delta);
    this.drop();
    return delta.changed;
  }

  dispose(): void {
    this.#stopRunning();
    this.#work.dispose();
  }

  #stopRunning(): void {
    this.#ending.abort();
    this.#ending = new AbortController();
  }

  #ask(asked: Asked): void {
    this.#open = [...this.#open, asked];
    const { signal } = this.#ending;
    this.#running = this.#running.then(() => this.#answer(asked, signal));
  }

  async #answer(asked: Asked, signal: AbortSignal): Promise<void> {
    await this.#ready;
    if (signal.aborted) return;
    const { prompt, begin } = asked;
    const steps = this.#steps;
    const before = steps.at(-1)?.proposal ?? null;
    try {
      const { proposal, base } = await this.#work.propose(
        {
          prompts: [...steps.map((step) => step.prompt), prompt],
          before,
          beginning: this.#beginning(begin, before === null && !prompt.positive),
          barred: barredBy(this.#editing.policy, this.label),
          lesson: this.#lessons.get(this.#labelName)?.lesson ?? null,
        },
        signal,
      );
      if (signal.aborted) return;
      if (before === null) this.#base = base;
      if (proposal === null)
        throw new StudioError('not-found', 'There is nothing here to take away from. Point at what belongs to the structure first.');
      this.#steps = [...steps, { prompt, proposal }];
      this.#show(proposal);
    } catch (error) {
      if (!signal.aborted) this.#onError(error);
    } finally {
      if (!signal.aborted) this.#open = this.#open.filter((each) => each !== asked);
    }
  }

  /** Puts the sharper one in the place of a proposal, where it is still the one that is shown and nothing is asked since. */
  #replace(of: PromptProposal, sharper: PromptProposal): void {
    const last = this.#steps.at(-1);
    if (last?.proposal !== of || this.busy) return;
    this.#steps = [...this.#steps.slice(0, -1), { ...last, proposal: sharper }];
    this.#show(sharper);
  }

  get #labelName(): string {
    return this.#editing.labels.find(({ value }) => value === this.label)?.name ?? '';
  }

  #beginning(begin: BeginWith, takesAway: boolean): Beginning {
    const { label } = this;
    if (begin === 'prediction') return { layer: 'prediction', label };
    if (begin === 'label' || takesAway) return { layer: 'mask', label };
    const isWorthIt = this.#hasPrediction && !this.#poorlyFound.has(this.#labelName);
    return begin === 'pointed' && isWorthIt ? { layer: 'prediction', label, ifPointedAt: true } : null;
  }

  /** Draws a proposal in the layer in the place of the one before. */
  #show(proposal: PromptProposal | null): void {
    const { layer } = this;
    this.voxels = 0;
    if (layer === null) return;
    const { data, grid } = layer;
    const [ni, nj] = grid.size;
    const before = this.#shown;
    if (before !== null)
      for (let k = before.lower[2]; k < before.upper[2]; k++)
        for (let j = before.lower[1]; j < before.upper[1]; j++) {
          const row = ni * (j + nj * k);
          data.fill(0, row + before.lower[0], row + before.upper[0]);
        }
    const write = (of: PromptProposal, value: number): void =>
      forEachProposed(of, (i, j, k, length) => {
        const at = i + ni * (j + nj * k);
        data.fill(value, at, at + length);
        if (value === proposedValue) this.voxels += length;
      });
    if (proposal !== null) {
      if (this.#base !== null) write(this.#base, removedValue);
      write(proposal, proposedValue);
    }
    this.#shown = proposal === null ? null : (unionBox(proposal.box, this.#base?.box ?? null) as Box);
    const box = unionBox(before, this.#shown);
    if (box !== null) for (const listener of this.#listeners) listener(box);
  }
}
