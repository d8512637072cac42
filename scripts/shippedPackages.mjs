// The packages that an installed program carries: read from the lockfile and the window's build, so that no list can go stale.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './node.mjs';

/** The lockfile's entries, by place. */
export const locked = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;

/** Where a package that `from` asks for lies, as Node finds it; undefined for an optional one that is not there. */
function placeOf(name, from) {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    const place = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`;
    if (place in locked) return place;
    if (folder === '') return undefined;
  }
}

/** The packages that one needs, by places in the lockfile. */
export function neededBy(place) {
  const { dependencies, optionalDependencies } = locked[place];
  return Object.keys({ ...dependencies, ...optionalDependencies })
    .map((name) => placeOf(name, place))
    .filter((needed) => needed !== undefined);
}

function closure(places) {
  const found = new Set();
  const add = (place) => {
    if (found.has(place)) return;
    found.add(place);
    neededBy(place).forEach(add);
  };
  places.forEach(add);
  return found;
}

/** Places in the lockfile of what is shipped: what runs unbundled, the Node beside it, and what the window's build took in. */
export function shippedPlaces() {
  const bundled = JSON.parse(readFileSync(join(root, 'dist', 'windowPackages.json'), 'utf8'));
  return [...new Set([...closure(neededBy('')), ...bundled])].filter((place) => existsSync(join(root, place)));
}

export const nameOf = (place) => place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length);
