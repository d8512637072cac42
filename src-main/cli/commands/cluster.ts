import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { claimFolder } from '#main/files/outputs.ts';
import { runHere } from '#main/jobs/run.ts';
import { clusterNames } from '#main/jobs/requests/cluster.ts';
import { findScans, withProjectScans, type ProjectScans } from '#main/project/headlessProject.ts';
import { makeFolder } from '#main/files/makeFolder.ts';
import { defineCommand, usageError, type CommandContext } from '../command.ts';
import { deviceOptions } from './shared.ts';

const options = {
  out: { kind: 'text', help: 'folder for the pseudo-labels; a project keeps them itself', value: 'DIR' },
  clusterers: { kind: 'integer', help: 'N, each with its own seed, K and part of the slices', minimum: 1, maximum: 255, default: 16 },
  'largest-k': {
    kind: 'integer',
    help: 'no clusterer has more clusters than this; K follows from how many slices there are',
    minimum: 2,
    maximum: 500,
    default: 500,
  },
  seed: { kind: 'integer', help: 'seed of the clusterers', default: 0 },
  ...deviceOptions,
} as const;

export const clusterCommand = defineCommand({
  name: 'cluster',
  summary:
    "Cluster the slices of a project's scans, or of scans in folders: a pseudo-label for every slice and clusterer. Resumes where it was interrupted.",
  positionals: { name: 'PROJECT|FILE…', minimum: 1, maximum: Infinity },
  options,
  async run(command) {
    const { positionals } = command;
    const sources = positionals.map((path) => resolve(path));
    const [project = ''] = sources;
    if (existsSync(join(project, 'project.json'))) {
      if (sources.length > 1) throw usageError('Name one project, or files and folders, not both.');
      if (command.options.out !== undefined) throw usageError('A project keeps what is learned from its scans itself; leave --out away.');
      return withProjectScans(project, async ({ scans, pretrainedFolder, modelFolder }) =>
        cluster(command, scans, pretrainedFolder, modelFolder),
      );
    }
    if (command.options.out === undefined) throw usageError('Say with --out where the pseudo-labels go.');
    const { scans, skipped } = await findScans(sources, command);
    for (const { path, message } of skipped) command.note(`skipped: ${path}: ${message}`);
    const out = resolve(command.options.out);
    await claimFolder(out, clusterNames, 'cluster.begun', ['clustering.key']);
    return cluster(command, scans, out, null);
  },
});

async function cluster(
  command: CommandContext<typeof options>,
  scans: ProjectScans['scans'],
  pretrainedFolder: string,
  modelFolder: string | null,
) {
  const { clusterers, 'largest-k': largestK, seed, device, threads } = command.options;
  makeFolder(pretrainedFolder);
  const result = await runHere(
    'cluster',
    {
      scans,
      learnedFolder: pretrainedFolder,
      clusterers,
      largestK,
      seed,
      device,
      threads,
      ...(modelFolder !== null && { model: modelFolder }),
    },
    command,
    { outFolder: pretrainedFolder },
  );
  return { json: { ...result }, text: `${result.sentence}\n\n${result.table}` };
}
