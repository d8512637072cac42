import { resolve } from 'node:path';
import { listProject } from '#main/project/headlessProject.ts';
import { defineCommand } from '../command.ts';
import { figure, textTable } from './shared.ts';

export const projectListCommand = defineCommand({
  name: 'project list',
  summary: "List a project's cases, labels and models; also while it is open in the app.",
  positionals: { name: 'DIR', minimum: 1, maximum: 1 },
  options: {},
  run({ positionals: [folder = ''] }) {
    const listing = listProject(resolve(folder));
    const rows = listing.cases.map(({ id, name, status, modality, images, size, heldOut }) => [
      id,
      name,
      status,
      modality,
      images.length > 1 ? images.map((image, n) => image || `image ${String(n + 1)}`).join(', ') : (images[0] ?? ''),
      size.join('×'),
      heldOut ? 'held out' : '',
    ]);
    const labels = listing.labels.map(({ value, name }) => `${String(value)} ${name}`).join(', ') || 'none';
    const models = listing.models.map(({ id, name, promoted, dice }) => [id, name, figure(dice, 3), promoted ? 'in use' : '']);
    const text = [
      listing.name,
      `Labels: ${labels}`,
      textTable(['case', 'name', 'status', 'modality', 'images', 'size', ''], rows),
      ...(models.length === 0 ? [] : ['', textTable(['model', 'name', 'Dice', ''], models)]),
    ];
    return Promise.resolve({ json: { ...listing }, text: text.join('\n') });
  },
});
