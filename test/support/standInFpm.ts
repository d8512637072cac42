/**
 * Stands in for fpm, which electron-builder downloads: makes the deb of what electron-builder tells fpm (files and where they go, dependencies, scripts,
 * description) by Debian's own dpkg-deb.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const given = new Map<string, string[]>();
const files: { from: string; to: string }[] = [];
const words = process.argv.slice(2);
while (words.length > 0) {
  const word = words.shift() ?? '';
  if (word === '--force') continue;
  if (word.startsWith('-')) given.set(word, [...(given.get(word) ?? []), words.shift() ?? '']);
  else files.push({ from: word.slice(0, word.lastIndexOf('=')), to: word.slice(word.lastIndexOf('=') + 1) });
}
const one = (option: string): string => {
  const [value] = given.get(option) ?? [];
  if (value === undefined) throw new Error(`fpm was not told ${option}`);
  return value;
};
if (one('-s') !== 'dir' || one('-t') !== 'deb') throw new Error('Only a deb of files is made here.');

const target = one('--package');
const tree = mkdtempSync(join(dirname(target), 'deb-'));
chmodSync(tree, 0o755); // It becomes the root of the file system.
for (const { from, to } of files) {
  const place = join(tree, to);
  mkdirSync(dirname(place), { recursive: true });
  if (from.endsWith('/')) execFileSync('cp', ['--archive', '--link', from, place]);
  else cpSync(from, place);
  if (!from.endsWith('/')) chmodSync(place, 0o644);
}
const control = join(tree, 'DEBIAN');
mkdirSync(control);
for (const [option, name] of [
  ['--after-install', 'postinst'],
  ['--after-remove', 'postrm'],
] as const) {
  copyFileSync(one(option), join(control, name));
  chmodSync(join(control, name), 0o755);
}
const kilobytes = execFileSync('du', ['--summarize', '--block-size=1024', tree], { encoding: 'utf8' }).split('\t')[0] ?? '';
const description = one('--description').split('\n');
writeFileSync(
  join(control, 'control'),
  [
    `Package: ${one('--name')}`,
    `Version: ${one('--version')}`,
    `Architecture: ${one('--architecture')}`,
    `Maintainer: ${one('--maintainer')}`,
    `Installed-Size: ${kilobytes}`,
    `Depends: ${(given.get('-d') ?? []).join(', ')}`,
    `Recommends: ${(given.get('--deb-recommends') ?? []).join(', ')}`,
    `Priority: ${one('--deb-priority')}`,
    `Homepage: ${one('--url')}`,
    `Description: ${[description[0] || one('--name'), ...description.slice(1)].join('\n')}`,
    '',
  ].join('\n'),
);
// One quick pass: the compression is fpm's affair.
execFileSync('dpkg-deb', ['--root-owner-group', '-Zgzip', '-z1', '--build', tree, target], { stdio: ['ignore', 'ignore', 'inherit'] });
rmSync(tree, { recursive: true });
