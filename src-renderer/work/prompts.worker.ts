import { fromWireError, StudioError, toWireError, type WireError } from '#shared/base/errors.ts';
import type { LabelVolume, Volume } from '#shared/geometry/grid.ts';
import { askNetwork, type AskedNetwork } from '#shared/prompts/askNetwork.ts';
import { askSlice } from '#shared/prompts/askSlice.ts';
import { carry, type Carried, type CarryRequest } from '#shared/prompts/carry.ts';
import type { Lesson } from '#shared/prompts/lesson.ts';
import type { Prompt } from '#shared/prompts/prompt.ts';
import { proposalOfLabel, type PromptProposal } from '#shared/prompts/proposal.ts';
import { PromptMemory, propose, type PromptCase, type PromptRequest } from '#shared/prompts/propose.ts';
import { reliedOn } from '#shared/prompts/relied.ts';
import { sharpen } from '#shared/prompts/sharpen.ts';
import { place, type Patch } from './patches.ts';

/** What a proposal begins with: nothing, or a label of a layer that is to be corrected; with `ifPointedAt`, only where the first prompt points at that, and as long as prompts bear it out. */
export type Beginning = { readonly layer: 'mask' | 'prediction'; readonly label: number; readonly ifPointedAt?: true } | null;

export interface ProposeRequest {
  readonly prompts: readonly Prompt[];
  /** What was proposed before the last prompt. */
  readonly before: PromptProposal | null;
  /** Where nothing was yet. */
  readonly beginning: Beginning;
  readonly barred: Uint8Array;
  /** What accepted cases taught of the label. */
  readonly lesson: Lesson | null;
}

/** `base`: what the proposal began with, where it began with something. */
export interface Proposed {
  readonly proposal: PromptProposal | null;
  readonly base: PromptProposal | null;
}

export type PromptsRequest =
  | { readonly kind: 'open'; readonly image: Volume; readonly mask: LabelVolume }
  | { readonly kind: 'prediction'; readonly volume: LabelVolume | null }
  | { readonly kind: 'patch'; readonly patches: readonly Patch[] }
  /** There is a prompt network, which is asked about cubes of `side` voxels. */
  | { readonly kind: 'network'; readonly side: number }
  /** What the network said to question number `ask`, or why it said nothing. */
  | { readonly kind: 'answered'; readonly ask: number; readonly chance: Uint8Array | WireError }
  | { readonly kind: 'propose'; readonly id: number; readonly request: ProposeRequest }
  | { readonly kind: 'carry'; readonly id: number; readonly request: CarryRequest }
  | { readonly kind: 'cancel'; readonly id: number };

export type PromptsReply =
  | { readonly kind: 'done'; readonly id: number; readonly result: Proposed }
  | { readonly kind: 'carried'; readonly id: number; readonly result: Carried }
  /** What was answered, drawn again at the image's own voxels. */
  | { readonly kind: 'sharper'; readonly id: number; readonly proposal: PromptProposal }
  /** To be asked of the prompt network. */
  | { readonly kind: 'ask'; readonly ask: number; readonly input: Float32Array<ArrayBuffer> }
  | { readonly kind: 'failed'; readonly id: number; readonly error: WireError };

let image: Volume | null = null;
let mask: LabelVolume | null = null;
let prediction: LabelVolume | null = null;
/** All voxels that are predicted of the label that was pointed out last. */
let predicted: { readonly label: number; readonly proposal: PromptProposal | null } | null = null;
let memory = new PromptMemory();
const cancelled = new Set<number>();
/** The prompt that was asked last. */
let latest = 0;
let side: number | null = null;
const asked = new Map<number, (chance: Uint8Array | WireError) => void>();
let asks = 0;

const reply = (message: PromptsReply): void => postMessage(message);

onmessage = ({ data: request }: MessageEvent<PromptsRequest>): void => {
  switch (request.kind) {
    case 'open':
      ({ image, mask } = request);
      memory = new PromptMemory();
      return;
    case 'prediction':
      prediction = request.volume;
      predicted = null;
      return;
    case 'patch':
      if (mask !== null) for (const patch of request.patches) place(mask, patch);
      return;
    case 'cancel':
      cancelled.add(request.id);
      return;
    case 'network':
      side = request.side;
      return;
    case 'answered':
      asked.get(request.ask)?.(request.chance);
      asked.delete(request.ask);
      return;
    case 'propose':
      latest = request.id;
      void answer(request.id, request.request);
      return;
    case 'carry':
      latest = request.id;
      void carryOn(request.id, request.request);
  }
};

async function answer(id: number, request: ProposeRequest): Promise<void> {
  try {
    const base = beginningOf(request);
    const before = request.before ?? base;
    if (image === null || mask === null) throw new Error('no image');
    const of = { image, mask };
    // What was pointed at is proposed as it is; whatever comes next mends it.
    const isRight = base !== null && request.beginning?.ifPointedAt === true;
    const proposal = isRight ? base : await proposed(id, of, { ...request, before, predicted: pointedAt(request.beginning) });
    if (cancelled.delete(id)) return;
    reply({ kind: 'done', id, result: { proposal, base } });
    if (proposal !== null && (before === null || memory.begunAnew)) await drawAgain(id, proposal, request, of);
  } catch (error) {
    cancelled.delete(id);
    reply({ kind: 'failed', id, error: toWireError(error) });
  }
}

/** What the case's own voxels say, and then what the prompt network makes of that, where there is one. What was proposed before, the network mends by itself. */
async function proposed(id: number, of: PromptCase, request: PromptRequest): Promise<PromptProposal | null> {
  if (side === null || request.before === null) {
    const own = await fromCase(id, of, request);
    return own === null || side === null || cancelled.has(id) ? own : ((await fromNetwork(id, of, { ...request, before: own })) ?? own);
  }
  return (await fromNetwork(id, of, request)) ?? (await fromCase(id, of, request));
}

/** What the prompt network says; null where there is none, or it sees nothing. */
async function fromNetwork(id: number, of: PromptCase, request: PromptRequest): Promise<PromptProposal | null> {
  const network = networkFor(id);
  return network === null ? null : askNetwork(of, request, network);
}

/** The network that the host has, as request number `id` asks it; null where there is none. */
function networkFor(id: number): AskedNetwork | null {
  if (side === null) return null;
  const answer = (input: Float32Array): Promise<Float32Array> => {
    const ask = ++asks;
    return new Promise((resolve, reject) => {
      asked.set(ask, (chance) => {
        if (cancelled.has(id)) reject(new StudioError('cancelled', 'Cancelled.'));
        else if (chance instanceof Uint8Array) resolve(Float32Array.from(chance, (value) => value / 255));
        else reject(fromWireError(chance));
      });
      reply({ kind: 'ask', ask, input: new Float32Array(input) });
    });
  };
  return { side, answer };
}

/** What a slice becomes in the next one, by the case's own voxels and what the prompt network says, where there is one. */
async function carryOn(id: number, request: CarryRequest): Promise<void> {
  try {
    if (image === null || mask === null) throw new Error('no image');
    const of = { image, mask };
    const network = networkFor(id);
    const opinion = network === null ? null : await askSlice(of, request, network);
    const result = await inSteps(id, carry(of, { ...request, opinion }));
    if (!cancelled.delete(id) && result !== null) reply({ kind: 'carried', id, result });
  } catch (error) {
    cancelled.delete(id);
    reply({ kind: 'failed', id, error: toWireError(error) });
  }
}

/** What this case's own voxels say; null once it was taken back, and where nothing can come of the prompts. */
async function fromCase(id: number, of: PromptCase, request: PromptRequest): Promise<PromptProposal | null> {
  // What a region looks like is seen from the prompts of one structure.
  if (request.prompts.length === 1) memory = new PromptMemory();
  return inSteps(id, propose(of, request, memory));
}

/** Looks between the steps whether request number `id` was taken back; null then. */
async function inSteps<T>(id: number, steps: Generator<void, T>): Promise<T | null> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    await letThrough();
    if (cancelled.has(id)) return null;
  }
}

/** Lets a message through that takes this prompt back, or a newer one. */
const letThrough = (): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve);
  });

/** A first proposal at the image's own voxels, unless something newer is asked meanwhile. */
async function drawAgain(id: number, proposal: PromptProposal, { prompts, barred }: ProposeRequest, of: PromptCase): Promise<void> {
  const steps = sharpen(of, proposal, prompts, barred);
  for (;;) {
    await letThrough();
    if (latest !== id || cancelled.delete(id)) return;
    const step = steps.next();
    if (step.done !== true) continue;
    if (step.value !== proposal) reply({ kind: 'sharper', id, proposal: step.value });
    return;
  }
}

function beginningOf({ prompts, before, beginning }: ProposeRequest): PromptProposal | null {
  if (before !== null || beginning === null || prompts.length === 0 || image === null) return null;
  const found = pointedAt(beginning);
  if (beginning.ifPointedAt === true) return found && (reliedOn(found, prompts, image.grid)?.parts ?? null);
  const volume = beginning.layer === 'mask' ? mask : prediction;
  return volume === null ? null : proposalOfLabel(volume, beginning.label);
}

/** What is predicted of a label that pointing begins with where it is pointed at. */
function pointedAt(beginning: Beginning): PromptProposal | null {
  if (beginning?.ifPointedAt !== true || prediction === null) return null;
  const { label } = beginning;
  if (predicted?.label !== label) predicted = { label, proposal: proposalOfLabel(prediction, label) };
  return predicted.proposal;
}
