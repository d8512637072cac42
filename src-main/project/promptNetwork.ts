import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import type { ModelCard } from '#shared/domain/modelCard.ts';
import { promptChannels } from '#shared/prompts/networkInput.ts';
import type { Project } from '#main/library/index.ts';
import { readPointing, versionFolder } from './pointing/versions.ts';
import type { ProjectSession } from './session.ts';

const shipped = join(import.meta.dirname, '..', '..', 'resources', 'models', 'prompts');

export interface PromptNetwork {
  readonly folder: string;
  /** Voxels of a side of the cube that it takes. */
  readonly side: number;
  readonly from: 'project' | 'computer' | 'shipped';
}

/** The network that prompts are asked of: the project's, else this computer's own, else the shipped one; null where there is none of this version. */
export async function promptNetwork(dataFolder: string, project: Pick<Project, 'paths'> | null): Promise<PromptNetwork | null> {
  const inUse = project === null ? null : readPointing(project).inUse;
  const places = [
    ...(project !== null && inUse !== null ? [{ folder: versionFolder(project, inUse), from: 'project' as const }] : []),
    { folder: join(dataFolder, 'prompts'), from: 'computer' as const },
    { folder: shipped, from: 'shipped' as const },
  ];
  for (const place of places) {
    const side = await sideOf(place.folder);
    if (side !== null) return { ...place, side };
  }
  return null;
}

async function sideOf(folder: string): Promise<number | null> {
  const text = await readFile(join(folder, 'model.json'), 'utf8').catch(() => null);
  if (text === null) return null;
  const card = cardIn(text);
  const isOwn = card.kind === 'prompts' && card.channels?.map(({ name }) => name).join() === promptChannels.join();
  return isOwn ? (card.patch?.[0] ?? null) : null;
}

/** Nothing of what is damaged: whatever is asked next answers instead. */
function cardIn(text: string): Partial<ModelCard> {
  try {
    return JSON.parse(text) as Partial<ModelCard>;
  } catch {
    return {};
  }
}

/** Throws `not-found` where there is no network, `invalid-argument` for an input that is none, and what the compute process says. */
export async function askPromptNetwork(
  session: ProjectSession,
  device: string,
  dataFolder: string,
  input: Uint8Array,
): Promise<Uint8Array> {
  const network = await promptNetwork(dataFolder, session.project);
  if (network === null) throw new StudioError('not-found', 'There is no prompt network on this computer.');
  return session.queue.ask(network.folder, device, input);
}
