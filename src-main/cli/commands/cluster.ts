import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { loadModel } from '#main/jobs/tasks/modelFolder.ts';
import { clusterTask } from '#main/jobs/tasks/pretrain.ts';
import { findScans, withProjectScans, type ProjectScans } from '#main/services/headlessProject.ts';
import { defineCommand, usageError, type CommandContext } from '../command.ts';
import { runTask } from '../runTask.ts';
import { deviceOptions } from './shared.ts';

const options = {
  out: { kind: 'text', help: 'folder for the pseudo-labels; a project keeps them itself', value: 'DIR' },
  clusterers: { kind: 'integer', help: 'N, each with its own seed, K and part of the slices', minimum: 1, maximum: 255, default: 16 },
  'largest-k': { kind: 'integer', help: 'no clusterer has more clusters than this; K follows from how many slices there are', minimum: 2, maximum: 500, default: 500 },
  seed: { kind: 'integer', help: 'seed of the clusterers', default: 0 },
  ...deviceOptions,
} as const;

export const clusterCommand = defineCommand({
  name: 'cluster',
  summary: 'Cluster the slices of a project\'s scans, or of scans in folders: a pseudo-label for every slice and clusterer. Goes on where it was interrupted.',
  positionals: { name: 'PROJECT|FILE…', minimum: 1, maximum: Infinity },
  options,
  async run(command) {
    const { positionals } = command;
    const sources = positionals.map((path) => resolve(path));
    const [project = ''] = sources;
    if (existsSync(join(project, 'project.json'))) {
      if (sources.length > 1) throw usageError('Name one project, or files and folders, not both.');
      if (command.options.out !== undefined) throw usageError('A project keeps what is learned from its scans itself; leave --out away.');
      return withProjectScans(project, async ({ scans, learnedFolder, modelFolder }) => cluster(command, scans, learnedFolder, modelFolder));
    }
    if (command.options.out === undefined) throw usageError('Say with --out where the pseudo-labels go.');
    const { scans, refused } = await findScans(sources, command);
    for (const { path, message } of refused) command.note(`left out: ${path}: ${message}`);
    return cluster(command, scans, resolve(command.options.out), null);
  },
});

async function cluster(command: CommandContext<typeof options>, scans: ProjectScans['scans'], learnedFolder: string, modelFolder: string | null) {
  const { clusterers, 'largest-k': largestK, seed, device, threads } = command.options;
  await mkdir(learnedFolder, { recursive: true });
  const card = modelFolder === null ? undefined : (await loadModel(modelFolder)).card;
  const result = await runTask(clusterTask, {
    scans, learnedFolder, clusterers, largestK, seed, device, threads, ...(card !== undefined && { spacing: card.spacing, intensity: card.intensity }),
  }, command, { outFolder: learnedFolder });
  return { json: { ...result }, text: `${result.sentence}\n\n${result.table}` };
}
