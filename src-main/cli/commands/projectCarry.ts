import { resolve } from 'node:path';
import { packProjectFolder, unpackProject } from '#main/project/headlessCarry.ts';
import { defineCommand } from '../command.ts';

export const projectPackCommand = defineCommand({
  name: 'project pack',
  summary: 'Pack a project with its images into one file to carry to another computer; read back and compared.',
  positionals: { name: 'DIR', minimum: 1, maximum: 1 },
  options: {
    out: { kind: 'text', help: 'the file, with the ending .logonet', value: 'FILE', required: true },
    overwrite: { kind: 'flag', help: 'replace a file of the same name' },
  },
  async run({ options, positionals: [folder = ''], report, cancellation, note }) {
    const packed = await packProjectFolder(resolve(folder), resolve(options.out), {
      overwrite: options.overwrite,
      report,
      cancellation,
      note,
    });
    return { json: { ...packed }, text: `${packed.path}: ${String(packed.files)} files, ${String(packed.bytes)} bytes.` };
  },
});

export const projectUnpackCommand = defineCommand({
  name: 'project unpack',
  summary: 'Unpack a project into a new or empty folder; every file is compared with its checksum first.',
  positionals: { name: 'FILE', minimum: 1, maximum: 1 },
  options: { out: { kind: 'text', help: 'folder of the project', value: 'DIR', required: true } },
  async run({ options, positionals: [file = ''], report, cancellation }) {
    const folder = resolve(options.out);
    const { name, files, bytes } = await unpackProject(resolve(file), folder, { report, cancellation });
    return { json: { folder, name, files, bytes }, text: `“${name}” lies in ${folder}.` };
  },
});
