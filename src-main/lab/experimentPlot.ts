/** One line of a chart, or one column of dots where there is a single place for each. */
export interface ChartSeries {
  readonly name: string;
  readonly points: readonly { readonly place: string; readonly values: readonly number[] }[];
}

export interface Chart {
  readonly title: string;
  /** What the values are. */
  readonly measure: string;
  /** What the places along the other axis are; left out where they name themselves. */
  readonly along?: string;
  readonly places: readonly string[];
  readonly series: readonly ChartSeries[];
  /** Ends of the scale that values cannot pass. */
  readonly least?: number;
  readonly most?: number;
}

const COLOURS = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#d55e00', '#56b4e9'] as const;
const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [720, 420, 64, 24, 44, 64];

const escaped = (text: string): string => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
const at = (value: number): string => value.toFixed(1);

/** Mean and sample standard deviation (null for one value). */
export function spread(values: readonly number[]): { readonly mean: number; readonly deviation: number | null } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: values.length < 2 ? null : Math.sqrt(squares / (values.length - 1)) };
}

/** The mean; 0 of nothing. */
export const meanOf = (values: readonly number[]): number => (values.length === 0 ? 0 : spread(values).mean);

/** Charts below one another as one SVG: every value a dot, the mean a bar, the standard deviation a whisker, a line where a series has several places. */
export function plot(charts: readonly Chart[]): string {
  const height = HEIGHT * charts.length;
  const parts = charts.map((chart, index) => `<g transform="translate(0 ${HEIGHT * index})">${drawChart(chart)}</g>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="#fff"/>${parts.join('')}</svg>\n`;
}

function drawChart({ title, measure, along, places, series, least = 0, most = Infinity }: Chart): string {
  const scale = axis(
    series.flatMap(({ points }) => points.flatMap(({ values }) => values)),
    least,
    most,
  );
  const y = (value: number): number => TOP + (HEIGHT - TOP - BOTTOM) * (1 - (value - scale.low) / (scale.high - scale.low));
  const x = (place: string): number => LEFT + ((WIDTH - LEFT - RIGHT) * (places.indexOf(place) + 0.5)) / places.length;
  const named = series.some(({ points }) => points.length > 1);
  const parts = [
    ...scale.ticks.map(
      (value) =>
        `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at(y(value))}" y2="${at(y(value))}" stroke="#ddd"/><text x="${LEFT - 8}" y="${at(y(value) + 4)}" text-anchor="end">${value.toFixed(scale.decimals)}</text>`,
    ),
    ...places.map((place) => `<text x="${at(x(place))}" y="${HEIGHT - BOTTOM + 20}" text-anchor="middle">${escaped(place)}</text>`),
    ...series.map((each, index) => drawSeries(each, COLOURS[index % COLOURS.length] ?? COLOURS[0], x, y)),
    ...(along === undefined ? [] : [`<text x="${WIDTH / 2}" y="${HEIGHT - BOTTOM + 38}" text-anchor="middle">${escaped(along)}</text>`]),
    ...(named
      ? series.map(
          ({ name }, index) =>
            `<text x="${LEFT + 12 + index * 126}" y="${HEIGHT - 10}" fill="${COLOURS[index % COLOURS.length] ?? COLOURS[0]}">${escaped(name)}</text>`,
        )
      : []),
  ];
  return `<text x="${WIDTH / 2}" y="24" text-anchor="middle" font-size="15">${escaped(title)}</text><text x="16" y="${HEIGHT / 2}" transform="rotate(-90 16 ${HEIGHT / 2})" text-anchor="middle">${escaped(measure)}</text>${parts.join('')}`;
}

function drawSeries({ points }: ChartSeries, colour: string, x: (place: string) => number, y: (value: number) => number): string {
  const drawn = points.filter(({ values }) => values.length > 0);
  const means = drawn.map(({ place, values }) => ({ place, ...spread(values) }));
  return [
    ...drawn.flatMap(({ place, values }) =>
      values.map((value) => `<circle cx="${at(x(place) + 8)}" cy="${at(y(value))}" r="3" fill="${colour}" fill-opacity="0.45"/>`),
    ),
    ...means.flatMap(({ place, mean, deviation }) => {
      const here = x(place);
      const whisker =
        deviation === null
          ? ''
          : `<line x1="${at(here)}" x2="${at(here)}" y1="${at(y(mean - deviation))}" y2="${at(y(mean + deviation))}" stroke="${colour}" stroke-width="1.5"/>`;
      return [
        whisker,
        `<line x1="${at(here - 12)}" x2="${at(here + 12)}" y1="${at(y(mean))}" y2="${at(y(mean))}" stroke="${colour}" stroke-width="3"/>`,
      ];
    }),
    ...(means.length > 1
      ? [
          `<polyline points="${means.map(({ place, mean }) => `${at(x(place))},${at(y(mean))}`).join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
        ]
      : []),
  ].join('');
}

/** A scale around the values with five steps of 1, 2 or 5 times a power of ten. */
function axis(values: readonly number[], least: number, most: number): { low: number; high: number; ticks: number[]; decimals: number } {
  const [smallest, largest] = values.length === 0 ? [0, 1] : [Math.min(...values), Math.max(...values)];
  const rough = Math.max(largest - smallest, 0.02 * Math.abs(largest), 1e-6) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * (rough / power <= 1 ? 1 : rough / power <= 2 ? 2 : rough / power <= 5 ? 5 : 10);
  const low = Math.max(least, Math.floor(smallest / step) * step);
  const high = Math.max(low + step, Math.min(most, Math.ceil(largest / step) * step));
  const count = Math.round((high - low) / step);
  return {
    low,
    high,
    ticks: Array.from({ length: count + 1 }, (_, index) => low + index * step),
    decimals: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)),
  };
}
