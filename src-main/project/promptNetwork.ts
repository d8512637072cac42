import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import type { ModelCard } from '#shared/domain/modelCard.ts';
import { promptChannels } from '#shared/prompts/networkInput.ts';
import type { ProjectSession } from './session.ts';

const shipped = join(import.meta.dirname, '..', '..', 'resources', 'models', 'prompts');

/** The network that prompts are asked of: this computer's own, else the shipped one; null where there is none. */
export function promptNetworkFolder(dataFolder: string): string | null {
  return [join(dataFolder, 'prompts'), shipped].find((folder) => existsSync(join(folder, 'model.json'))) ?? null;
}

/** Voxels of a side of the cube that it takes; null where there is none of this version. */
export async function promptNetworkSide(dataFolder: string): Promise<number | null> {
  const folder = promptNetworkFolder(dataFolder);
  if (folder === null) return null;
  const card = JSON.parse(await readFile(join(folder, 'model.json'), 'utf8')) as Partial<ModelCard>;
  const isOwn = card.kind === 'prompts' && card.channels?.map(({ name }) => name).join() === promptChannels.join();
  return isOwn ? (card.patch?.[0] ?? null) : null;
}

/** Throws `not-found` where there is no network, `invalid-argument` for an input that is none, and what the compute process says. */
export function askPromptNetwork(session: ProjectSession, device: string, dataFolder: string, input: Uint8Array): Promise<Uint8Array> {
  const folder = promptNetworkFolder(dataFolder);
  if (folder === null) throw new StudioError('not-found', 'There is no prompt network on this computer.');
  return session.queue.ask(folder, device, input);
}
