import { resolve } from 'node:path';
import { projectImages } from '#main/project/headlessCare.ts';
import { defineCommand, usageError } from '../command.ts';
import { textTable } from './shared.ts';

export const projectImagesCommand = defineCommand({
  name: 'project images',
  summary:
    'What images of the cases are called, and which cases lack one; gives one another name in all cases, as one step (project history).',
  positionals: { name: 'DIR', minimum: 1, maximum: 1 },
  options: {
    rename: {
      kind: 'list',
      help: 'another name for an image in every case that has it, e.g. 0001=FLAIR; "=T1" names images that nothing names',
      value: 'NAME=OTHER',
    },
  },
  async run({ options, positionals: [folder = ''], note }) {
    const renamed = options.rename.map((text): [string, string] => {
      const at = text.indexOf('=');
      if (at < 0 || at === text.length - 1) throw usageError(`--rename is written NAME=OTHER, e.g. 0001=FLAIR, not "${text}".`);
      return [text.slice(0, at), text.slice(at + 1)];
    });
    const { images, warnings } = await projectImages(resolve(folder), renamed);
    for (const warning of warnings) note(warning);
    const rows = images.map(({ name, cases, lacking }) => [
      name,
      String(cases),
      lacking.slice(0, 5).join(', ') + (lacking.length > 5 ? ', …' : ''),
    ]);
    return { json: { images }, text: images.length === 0 ? 'Nothing names an image here.' : textTable(['', 'cases', 'missing in'], rows) };
  },
});
