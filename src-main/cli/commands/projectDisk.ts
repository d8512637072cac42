import { resolve } from 'node:path';
import { memorySize } from '#shared/base/bytes.ts';
import { cleanableKinds, type CleanableKind } from '#main/project/care/diskUsage.ts';
import { projectDisk } from '#main/project/headlessCare.ts';
import { defineCommand } from '../command.ts';
import { textTable } from './shared.ts';

export const projectDiskCommand = defineCommand({
  name: 'project disk',
  summary: 'What a project takes on the disk, by kind, and what can be cleaned; --clean does it.',
  positionals: { name: 'DIR', minimum: 1, maximum: 1 },
  options: {
    clean: { kind: 'list', help: 'remove what can be made again or is of no use', choices: cleanableKinds },
  },
  async run({ options, positionals: [folder = ''], note }) {
    const usage = await projectDisk(resolve(folder), options.clean as CleanableKind[], { note });
    const rows = (sizes: readonly { readonly kind: string; readonly files: number; readonly bytes: number }[]): string[][] =>
      sizes.filter(({ files }) => files > 0).map(({ kind, files, bytes }) => [kind, String(files), memorySize(bytes)]);
    const cleanable = rows(usage.cleanable);
    return {
      json: { ...usage },
      text: [
        ...(usage.freed === null ? [] : [`Freed ${memorySize(usage.freed.bytes)} in ${String(usage.freed.files)} files.`, '']),
        textTable(['takes', 'files', 'size'], rows(usage.kinds)),
        '',
        cleanable.length === 0 ? 'Nothing can be cleaned.' : textTable(['can be cleaned', 'files', 'size'], cleanable),
        ...(usage.freeBytes === null ? [] : ['', `${memorySize(usage.freeBytes)} are free.`]),
      ].join('\n'),
    };
  },
});
