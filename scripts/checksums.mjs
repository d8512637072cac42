// Writes SHA256SUMS beside the packages in release/ (or the folder that is named), as sha256sum --check reads it.
import { createHash } from 'node:crypto';
import { createReadStream, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './node.mjs';

const folder = process.argv[2] ?? join(root, 'release');
const packages = readdirSync(folder)
  .filter((name) => /\.(AppImage|deb|exe|dmg|cdx\.json)$/.test(name))
  .sort();
const lines = [];
for (const name of packages) {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(join(folder, name))) hash.update(piece);
  lines.push(`${hash.digest('hex')}  ${name}`);
}
writeFileSync(join(folder, 'SHA256SUMS'), `${lines.join('\n')}\n`);
console.error(`${packages.length} packages in ${join(folder, 'SHA256SUMS')}`);
