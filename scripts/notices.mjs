// Writes dist/THIRD-PARTY-NOTICES.txt: the licence of every package that an installed program carries, with its own text.
// Read from the lockfile and node_modules, so that it can't go stale; the installers carry it (electron-builder.yml).
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './node.mjs';
import { locked, nameOf, shippedPlaces } from './shippedPackages.mjs';
function licenceText(place) {
  const file = readdirSync(join(root, place)).find((name) => /^(licen[cs]e|copying|notice)/i.test(name));
  return file === undefined ? '' : readFileSync(join(root, place, file), 'utf8').trim();
}

const entries = new Map();
for (const place of shippedPlaces()) {
  const name = nameOf(place);
  const { version, license } = locked[place];
  if (license === undefined) throw new Error(`${name} ${version} names no licence: say in scripts/notices.mjs why it may be shipped.`);
  entries.set(`${name} ${version}`, `${name} ${version}\n${license}\n\n${licenceText(place)}`.trim());
}
const ruler = `\n\n${'-'.repeat(80)}\n\n`;
const own = readFileSync(join(root, 'resources', 'notices', 'notInPackages.txt'), 'utf8').trim();
mkdirSync(join(root, 'dist'), { recursive: true });
writeFileSync(join(root, 'dist', 'THIRD-PARTY-NOTICES.txt'), `${[own, ...[...entries].sort().map(([, text]) => text)].join(ruler)}\n`);
console.error(`${entries.size} packages in dist/THIRD-PARTY-NOTICES.txt`);
