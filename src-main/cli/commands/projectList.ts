import { resolve } from 'node:path';
import { listProject } from '#main/services/headlessProject.ts';
import { defineCommand } from '../command.ts';
import { textTable } from './shared.ts';

export const projectListCommand = defineCommand({
  name: 'project list',
  summary: 'List a project\'s cases, labels and models; also while it is open in the app.',
  positionals: { name: 'DIR', minimum: 1, maximum: 1 },
  options: {},
  run({ positionals: [folder = ''] }) {
    const listing = listProject(resolve(folder));
    const rows = listing.cases.map(({ id, name, status, modality, size, heldOut }) => [id, name, status, modality, size.join('×'), heldOut ? 'held out' : '']);
    const labels = listing.labels.map(({ value, name }) => `${String(value)} ${name}`).join(', ') || 'none';
    return Promise.resolve({ json: { ...listing }, text: `${listing.name}\nLabels: ${labels}\n${textTable(['id', 'name', 'status', 'modality', 'size', ''], rows)}` });
  },
});
