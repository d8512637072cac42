/** Corners in the plane's own two coordinates, millimetres; the last joins the first. */
export type PlanePolygon = readonly (readonly [number, number])[];

/**
 * Where the line `start + t·direction` enters and leaves the polygon (even-odd rule): ascending pairs of t. A direction of no length
 * is a point: [−∞, ∞] if it lies inside, otherwise nothing.
 */
export function polygonCrossings(polygon: PlanePolygon, start: readonly [number, number], direction: readonly [number, number]): number[] {
  const length = Math.hypot(...direction);
  if (length < 1e-9) return isInside(polygon, start) ? [-Infinity, Infinity] : [];
  const [dx, dy] = [direction[0] / length, direction[1] / length];
  const found: number[] = [];
  const side = ([x, y]: readonly [number, number]): number => (x - start[0]) * -dy + (y - start[1]) * dx;
  const along = ([x, y]: readonly [number, number]): number => (x - start[0]) * dx + (y - start[1]) * dy;
  forEachEdge(polygon, (from, to) => {
    const [a, b] = [side(from), side(to)];
    if (a >= 0 === b >= 0) return;
    const t = a / (a - b);
    found.push((along(from) + (along(to) - along(from)) * t) / length);
  });
  return found.sort((x, y) => x - y);
}

function isInside(polygon: PlanePolygon, [x, y]: readonly [number, number]): boolean {
  let inside = false;
  forEachEdge(polygon, ([x0, y0], [x1, y1]) => {
    if (y0 > y !== y1 > y && x < x0 + ((y - y0) * (x1 - x0)) / (y1 - y0)) inside = !inside;
  });
  return inside;
}

function forEachEdge(polygon: PlanePolygon, visit: (from: readonly [number, number], to: readonly [number, number]) => void): void {
  let from = polygon[polygon.length - 1];
  for (const to of polygon) {
    if (from !== undefined) visit(from, to);
    from = to;
  }
}
