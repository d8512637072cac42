// Writes dist/sbom.cdx.json: what an installed program consists of, as CycloneDX 1.6, with licences and hashes. The installers carry it.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './node.mjs';
import { locked, nameOf, neededBy, shippedPlaces } from './shippedPackages.mjs';

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const purl = (name, of) => `pkg:npm/${name.replace('@', '%40')}@${of}`;
const reference = (place) => `${purl(nameOf(place), locked[place].version)}#${place}`;
/** Of a lockfile: `sha512-…` in base64. */
const hashOf = (integrity) => ({ alg: 'SHA-512', content: Buffer.from(integrity.slice('sha512-'.length), 'base64').toString('hex') });

const places = shippedPlaces();
// The Node and the Electron that everything runs on are development packages, and shipped as programs.
for (const program of ['node_modules/node', 'node_modules/electron']) if (!places.includes(program)) places.push(program);
const components = places
  .map((place) => {
    const { version: of, license, integrity } = locked[place];
    return {
      type: place === 'node_modules/node' || place === 'node_modules/electron' ? 'platform' : 'library',
      'bom-ref': reference(place),
      name: nameOf(place),
      version: of,
      ...(integrity?.startsWith('sha512-') && { hashes: [hashOf(integrity)] }),
      licenses: [/ (OR|AND) /.test(license) ? { expression: license } : { license: { id: license } }],
      purl: purl(nameOf(place), of),
    };
  })
  .sort((a, b) => (a['bom-ref'] < b['bom-ref'] ? -1 : 1));
const own = purl('logonet-studio', version);
const content = {
  bomFormat: 'CycloneDX',
  specVersion: '1.6',
  version: 1,
  metadata: {
    component: { type: 'application', 'bom-ref': own, name: 'logonet-studio', version, licenses: [{ license: { id: 'MIT' } }], purl: own },
  },
  components,
  dependencies: [
    { ref: own, dependsOn: components.map((each) => each['bom-ref']) },
    ...places.map((place) => ({
      ref: reference(place),
      dependsOn: neededBy(place)
        .filter((needed) => places.includes(needed))
        .map(reference),
    })),
  ],
};
// The same sources give the same file: the number is made of the content, and no time is in it.
const digest = createHash('sha256').update(JSON.stringify(content)).digest('hex');
const serialNumber = `urn:uuid:${digest.slice(0, 8)}-${digest.slice(8, 12)}-5${digest.slice(13, 16)}-8${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
mkdirSync(join(root, 'dist'), { recursive: true });
writeFileSync(join(root, 'dist', 'sbom.cdx.json'), `${JSON.stringify({ ...content, serialNumber }, null, 2)}\n`);
console.error(`${components.length} components in dist/sbom.cdx.json`);
