import { toWireError, type WireError } from '#shared/base/errors.ts';
import type { LabelVolume, Volume } from '#shared/geometry/grid.ts';
import { labelBox } from '#shared/segmentation/index.ts';
import type { Prompt } from '#shared/prompts/prompt.ts';
import { proposalOf, type PromptProposal } from '#shared/prompts/proposal.ts';
import { PromptMemory, propose, type PromptCase } from '#shared/prompts/propose.ts';
import { sharpen } from '#shared/prompts/sharpen.ts';
import { place, type Patch } from './patches.ts';

/** What a proposal begins with: nothing, or a label of a layer that is to be corrected. */
export type Beginning = { readonly layer: 'mask' | 'prediction'; readonly label: number } | null;

export interface ProposeRequest {
  readonly prompts: readonly Prompt[];
  /** What was proposed before the last prompt. */
  readonly before: PromptProposal | null;
  /** Where nothing was yet. */
  readonly beginning: Beginning;
  readonly barred: Uint8Array;
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
  | { readonly kind: 'propose'; readonly id: number; readonly request: ProposeRequest }
  | { readonly kind: 'cancel'; readonly id: number };

export type PromptsReply =
  | { readonly kind: 'done'; readonly id: number; readonly result: Proposed }
  /** What was answered, drawn again at the image's own voxels. */
  | { readonly kind: 'sharper'; readonly id: number; readonly proposal: PromptProposal }
  | { readonly kind: 'failed'; readonly id: number; readonly error: WireError };

let image: Volume | null = null;
let mask: LabelVolume | null = null;
let prediction: LabelVolume | null = null;
let memory = new PromptMemory();
const cancelled = new Set<number>();
/** The prompt that was asked last. */
let latest = 0;

const reply = (message: PromptsReply): void => postMessage(message);

onmessage = ({ data: request }: MessageEvent<PromptsRequest>): void => {
  switch (request.kind) {
    case 'open':
      ({ image, mask } = request);
      memory = new PromptMemory();
      return;
    case 'prediction':
      prediction = request.volume;
      return;
    case 'patch':
      if (mask !== null) for (const patch of request.patches) place(mask, patch);
      return;
    case 'cancel':
      cancelled.add(request.id);
      return;
    case 'propose':
      latest = request.id;
      void answer(request.id, request.request);
  }
};

async function answer(id: number, request: ProposeRequest): Promise<void> {
  try {
    const base = beginningOf(request);
    const before = request.before ?? base;
    if (image === null || mask === null) throw new Error('no image');
    // What a region looks like is seen from the prompts of one structure.
    if (request.before === null) memory = new PromptMemory();
    const steps = propose({ image, mask }, { ...request, before }, memory);
    for (;;) {
      const step = steps.next();
      if (step.done === true) {
        reply({ kind: 'done', id, result: { proposal: step.value, base } });
        if (step.value !== null && before === null) await drawAgain(id, step.value, request, { image, mask });
        return;
      }
      await letThrough();
      if (cancelled.delete(id)) return;
    }
  } catch (error) {
    reply({ kind: 'failed', id, error: toWireError(error) });
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

function beginningOf({ before, beginning }: ProposeRequest): PromptProposal | null {
  if (before !== null || beginning === null) return null;
  const volume = beginning.layer === 'mask' ? mask : prediction;
  const box = volume === null ? null : labelBox(volume, beginning.label);
  return volume === null || box === null ? null : proposalOf(volume.data, volume.grid.size, box, beginning.label);
}
