/** Closed contours and the pixels that they enclose. Pixel centres have integer coordinates (u, v). */

/** Corners; the last joins the first. u and v by turns. */
export type Loop = Float64Array;

/** Lines that are looked at in every row of pixels; along them the covered part is exact. */
const linesPerRow = 16;
/** What two decimal numbers of a file may miss of one half. */
const half = 0.5 - 1e-3;

interface Crossing {
  readonly u: number;
  readonly loop: number;
}

/**
 * Marks the pixels of which at least one half lies inside, 1 each, in rows of `width`. A loop that lies inside another one is a hole, one in the
 * hole an island, and so on; loops that only overlap are one region, and a loop that meets itself (a keyhole) encloses what an odd number of
 * its turns does. With `byParity` only the number of loops around a point counts (DICOM's CLOSED_PLANAR_XOR).
 */
export function enclosedPixels(loops: readonly Loop[], width: number, height: number, byParity = false): Uint8Array {
  const marked = new Uint8Array(width * height);
  if (loops.length === 0) return marked;
  const { first, lines } = crossedLines(loops, height);
  const depth = byParity || loops.length === 1 ? null : depthsOf(loops.length, lines);
  const covered = new Float64Array(width);
  for (let row = Math.floor(first / linesPerRow); row * linesPerRow < first + lines.length; row++) {
    covered.fill(0);
    for (let line = 0; line < linesPerRow; line++)
      for (const [from, to] of insideOf(lines[row * linesPerRow + line - first] ?? [], loops.length, depth)) cover(covered, from, to);
    for (let u = 0; u < width; u++) if ((covered[u] as number) >= half * linesPerRow) marked[row * width + u] = 1;
  }
  return marked;
}

/** Where the lines cross the loops, ascending; `first` is the number of the first line, from the upper edge of row 0. */
function crossedLines(loops: readonly Loop[], height: number): { first: number; lines: readonly Crossing[][] } {
  let [low, high] = [Infinity, -Infinity];
  for (const loop of loops)
    for (let n = 1; n < loop.length; n += 2) {
      low = Math.min(low, loop[n] as number);
      high = Math.max(high, loop[n] as number);
    }
  const lineAbove = (v: number): number => Math.ceil((v + 0.5) * linesPerRow - 0.5);
  const first = Math.floor(Math.max(0, lineAbove(low)) / linesPerRow) * linesPerRow;
  const end = Math.min(height * linesPerRow, lineAbove(high));
  const lines = Array.from({ length: Math.max(0, end - first) }, (): Crossing[] => []);
  loops.forEach((loop, number) => {
    for (let n = 0; n < loop.length; n += 2) {
      const before = n === 0 ? loop.length - 2 : n - 2;
      const [u0, v0, u1, v1] = [loop[before], loop[before + 1], loop[n], loop[n + 1]] as unknown as [number, number, number, number];
      const [from, to] = [lineAbove(Math.min(v0, v1)), lineAbove(Math.max(v0, v1))];
      for (let line = Math.max(first, from); line < Math.min(end, to); line++) {
        const v = (line + 0.5) / linesPerRow - 0.5;
        lines[line - first]?.push({ u: u0 + ((v - v0) * (u1 - u0)) / (v1 - v0), loop: number });
      }
    }
  });
  for (const line of lines) line.sort((a, b) => a.u - b.u);
  return { first, lines };
}

/** How many other loops each loop lies in. Decided by areas, since a hole may touch the edge of its region; equal loops lie in none of each other. */
function depthsOf(count: number, lines: readonly (readonly Crossing[])[]): readonly number[] {
  const area = new Float64Array(count);
  const shared = new Map<number, number>();
  for (const line of lines) {
    const inside = new Set<number>();
    let last = 0;
    for (const { u, loop } of line) {
      for (const a of inside) {
        area[a] = (area[a] as number) + u - last;
        for (const b of inside) if (a !== b) shared.set(a * count + b, (shared.get(a * count + b) ?? 0) + u - last);
      }
      if (!inside.delete(loop)) inside.add(loop);
      last = u;
    }
  }
  const part = (a: number, b: number): number => (shared.get(a * count + b) ?? 0) / (area[a] as number);
  const depths = new Array<number>(count).fill(0);
  for (const key of shared.keys()) {
    const [a, b] = [Math.floor(key / count), key % count];
    if (part(a, b) > 0.99 && !(part(a, b) > 0.999 && part(b, a) > 0.999)) depths[a] = (depths[a] ?? 0) + 1;
  }
  return depths;
}

/** The parts of a line that lie inside. `depth` null: where an odd number of loops is around. */
function insideOf(line: readonly Crossing[], count: number, depth: readonly number[] | null): [number, number][] {
  const parts: [number, number][] = [];
  const inside = new Uint8Array(count);
  let begun: number | null = null;
  for (const { u, loop } of line) {
    inside[loop] = 1 - (inside[loop] as number);
    const now = isInside(inside, depth);
    if (now && begun === null) begun = u;
    else if (!now && begun !== null) {
      parts.push([begun, u]);
      begun = null;
    }
  }
  return parts;
}

function isInside(inside: Uint8Array, depth: readonly number[] | null): boolean {
  let [around, deepest] = [0, -1];
  for (let loop = 0; loop < inside.length; loop++)
    if (inside[loop] === 1) {
      around++;
      deepest = Math.max(deepest, depth?.[loop] ?? 0);
    }
  return depth === null ? around % 2 === 1 : deepest >= 0 && deepest % 2 === 0;
}

function cover(covered: Float64Array, from: number, to: number): void {
  const [low, high] = [Math.max(from, -0.5), Math.min(to, covered.length - 0.5)];
  for (let u = Math.round(low); u <= Math.round(high) && u < covered.length; u++)
    covered[u] = (covered[u] as number) + Math.max(0, Math.min(high, u + 0.5) - Math.max(low, u - 0.5));
}

/**
 * Loops along the edges of the marked pixels, so that `enclosedPixels` gives exactly these back: one for each region of pixels that share edges. A
 * hole is joined to the loop around it by a line that is gone over twice (a keyhole), as DICOM asks for.
 */
export function outlinesOf(marked: ArrayLike<number>, width: number, height: number): Loop[] {
  const loops = tracedLoops(marked, width, height);
  const outer = loops.filter((loop) => signedArea(loop) > 0);
  const holes = loops.filter((loop) => signedArea(loop) < 0);
  const holesOf = new Map<number[], number[][]>();
  for (const hole of holes) {
    // The smallest region around it is its own.
    const around = outer
      .filter((loop) => isAround(loop, hole))
      .reduce<number[] | null>((least, loop) => (least === null || signedArea(loop) < signedArea(least) ? loop : least), null);
    if (around !== null) holesOf.set(around, [...(holesOf.get(around) ?? []), hole]);
  }
  return outer.map((loop) => Float64Array.from(withHoles(loop, holesOf.get(loop) ?? [])));
}

/** Edges of pixels in loops with the marked side on one hand; corners only. Pixels that share a corner alone are told apart. */
function tracedLoops(marked: ArrayLike<number>, width: number, height: number): number[][] {
  const at = (u: number, v: number): boolean => u >= 0 && v >= 0 && u < width && v < height && (marked[v * width + u] ?? 0) !== 0;
  const columns = width + 1;
  // Edges that lead away from a corner: 1 to the right, 2 down, 4 to the left, 8 up.
  const edges = new Uint8Array(columns * (height + 1));
  const begin = (u: number, v: number, way: number): void => {
    edges[v * columns + u] = (edges[v * columns + u] as number) | way;
  };
  for (let v = 0; v < height; v++)
    for (let u = 0; u < width; u++) {
      if (!at(u, v)) continue;
      if (!at(u, v - 1)) begin(u, v, 1);
      if (!at(u + 1, v)) begin(u + 1, v, 2);
      if (!at(u, v + 1)) begin(u + 1, v + 1, 4);
      if (!at(u - 1, v)) begin(u, v + 1, 8);
    }
  const steps: Readonly<Record<number, number>> = { 1: 1, 2: columns, 4: -1, 8: -columns };
  const loops: number[][] = [];
  for (let start = 0; start < edges.length; start++)
    while (edges[start] !== 0) {
      const loop: number[] = [];
      let [corner, way] = [start, 0];
      do {
        // Where two loops meet, the turn to the right stays with the same pixel.
        const right = way === 8 ? 1 : way * 2;
        const next: number = way !== 0 && ((edges[corner] as number) & right) !== 0 ? right : lowestBit(edges[corner] as number);
        edges[corner] = (edges[corner] as number) & ~next;
        if (next !== way) loop.push((corner % columns) - 0.5, Math.floor(corner / columns) - 0.5);
        way = next;
        corner += steps[way] ?? 0;
      } while (corner !== start);
      loops.push(loop);
    }
  return loops;
}

const lowestBit = (bits: number): number => bits & -bits;

function signedArea(loop: readonly number[]): number {
  let sum = 0;
  for (let n = 0; n < loop.length; n += 2) {
    const next = (n + 2) % loop.length;
    sum += (loop[n] as number) * (loop[next + 1] as number) - (loop[next] as number) * (loop[n + 1] as number);
  }
  return sum / 2;
}

/** Whether a loop goes around a hole: around a pixel that lies at the hole's first corner. */
function isAround(loop: readonly number[], hole: readonly number[]): boolean {
  // The hole's uppermost corner on the left; the pixel to its lower right lies in the hole.
  let [u, v] = [Infinity, Infinity];
  for (let n = 0; n < hole.length; n += 2)
    if ((hole[n + 1] as number) < v || (hole[n + 1] === v && (hole[n] as number) < u)) [u, v] = [hole[n] as number, hole[n + 1] as number];
  return isPointInside(loop, u + 0.5, v + 0.5);
}

function isPointInside(loop: readonly number[], u: number, v: number): boolean {
  let inside = false;
  for (let n = 0; n < loop.length; n += 2) {
    const next = (n + 2) % loop.length;
    const [u0, v0, u1, v1] = [loop[n], loop[n + 1], loop[next], loop[next + 1]] as unknown as [number, number, number, number];
    if (v0 > v !== v1 > v && u < u0 + ((v - v0) * (u1 - u0)) / (v1 - v0)) inside = !inside;
  }
  return inside;
}

/** One loop that goes around a region, and by two-way lines to and around its holes. */
function withHoles(outer: readonly number[], holes: readonly (readonly number[])[]): number[] {
  let loop = [...outer];
  // From the left on: the line to the left of a hole meets the region's edge or a hole that is joined already.
  const leftmost = holes.map((hole) => {
    let at = 0;
    for (let n = 2; n < hole.length; n += 2) if ((hole[n] as number) < (hole[at] as number)) at = n;
    return { hole, at };
  });
  leftmost.sort((a, b) => (a.hole[a.at] as number) - (b.hole[b.at] as number));
  for (const { hole, at } of leftmost) {
    const [u, v] = [hole[at] as number, hole[at + 1] as number];
    const { edge, to } = edgeLeftOf(loop, u, v);
    const around = [...hole.slice(at), ...hole.slice(0, at), u, v];
    loop = [...loop.slice(0, edge + 2), to, v, ...around, to, v, ...loop.slice(edge + 2)];
  }
  return loop;
}

/** The upright edge of a loop that a line from (u, v) to the left meets first: the place of its first corner, and where. */
function edgeLeftOf(loop: readonly number[], u: number, v: number): { edge: number; to: number } {
  let [edge, to] = [0, -Infinity];
  for (let n = 0; n < loop.length; n += 2) {
    const next = (n + 2) % loop.length;
    const [x, v0, v1] = [loop[n], loop[n + 1], loop[next + 1]] as unknown as [number, number, number];
    if (x !== loop[next] || x > u || x <= to) continue;
    if (Math.min(v0, v1) <= v && v <= Math.max(v0, v1)) [edge, to] = [n, x];
  }
  return { edge, to };
}
