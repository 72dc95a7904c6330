/** What a size took. */
interface Took {
  readonly seconds: number;
  readonly mib: number;
}

/** One size, and what it took. */
export interface GrowthPoint extends Took {
  readonly count: number;
  /** The raw limit: the same tables and rows by COPY alone. */
  readonly bare: Took;
}

/** What is drawn. */
export interface Growths {
  readonly tables: readonly GrowthPoint[];
  readonly rows: readonly GrowthPoint[];
}

const WIDTH = 380;
const HEIGHT = 220;
const LEFT = 56;
const TOP = 32;
const PLOT = { width: WIDTH - LEFT - 16, height: HEIGHT - TOP - 48 };

/** A line of a panel. */
interface Line {
  readonly name: string;
  readonly color: string;
  readonly dash: string;
  readonly of: (point: GrowthPoint) => Took;
}

const LINES: readonly Line[] = [
  { name: "COPY alone", color: "#8c959f", dash: "5 3", of: ({ bare }) => bare },
  { name: "Millrace", color: "#1f6feb", dash: "none", of: (point) => point },
];

/** Four panels: seconds and memory, by tables and by rows. A straight line of time against rows is straight here too. */
export function growthPicture({ tables, rows }: Growths): string {
  const seconds = ({ seconds: value }: Took): number => value;
  const mib = ({ mib: value }: Took): number => value;
  const panels = [
    panel("Seconds until all are SYNC, by tables", tables, seconds, 0, 0),
    panel("Resident memory in MiB, by tables", tables, mib, 1, 0),
    panel("Seconds of a full load, by rows", rows, seconds, 0, 1),
    panel("Resident memory in MiB, by rows", rows, mib, 1, 1),
  ];
  const size = `viewBox="0 0 ${WIDTH * 2} ${HEIGHT * 2}" width="${WIDTH * 2}" height="${HEIGHT * 2}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="#ffffff"/>
${panels.join("\n")}
</svg>
`;
}

function panel(
  title: string,
  points: readonly GrowthPoint[],
  value: (took: Took) => number,
  column: number,
  row: number,
): string {
  const mostCounted = Math.max(...points.map(({ count }) => count));
  const top = niceTop(Math.max(...points.flatMap((point) => [value(point), value(point.bare)])));
  const x = (count: number): number => LEFT + (count / mostCounted) * PLOT.width;
  const y = (amount: number): number => TOP + PLOT.height * (1 - amount / top);
  const lines = LINES.map((line) => {
    const places = points.map((point) => [x(point.count), y(value(line.of(point)))] as const);
    return drawn(line, places);
  });
  const levels = [0, 0.5, 1].map((share) => {
    const at = y(top * share).toFixed(1);
    return `<line x1="${LEFT}" x2="${LEFT + PLOT.width}" y1="${at}" y2="${at}" stroke="#d0d7de"/><text x="${LEFT - 6}" y="${at}" dy="4" text-anchor="end">${shown(top * share)}</text>`;
  });
  const counts = labelled(points, x).map(
    (point) =>
      `<text x="${x(point.count).toFixed(1)}" y="${TOP + PLOT.height + 16}" text-anchor="middle">${shown(point.count)}</text>`,
  );
  const names = LINES.map(
    ({ name, color }, nth) =>
      `<text x="${LEFT + nth * 80}" y="${TOP + PLOT.height + 32}" fill="${color}">${name}</text>`,
  );
  return `<g transform="translate(${column * WIDTH} ${row * HEIGHT})">
<text x="${LEFT}" y="18" font-size="13" font-weight="bold">${title}</text>
${[...levels, ...counts, ...names, ...lines].join("\n")}
</g>`;
}

function drawn({ color, dash }: Line, places: readonly (readonly [number, number])[]): string {
  const at = places.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`);
  const dots = places.map(
    ([x, y]) => `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="3" fill="${color}"/>`,
  );
  return `<polyline points="${at.join(" ")}" fill="none" stroke="${color}" stroke-width="1.5" stroke-dasharray="${dash}"/>
${dots.join("\n")}`;
}

/** The points that have room for their number, from the largest on. */
function labelled(
  points: readonly GrowthPoint[],
  x: (count: number) => number,
): readonly GrowthPoint[] {
  const kept: GrowthPoint[] = [];
  for (const point of points.toReversed()) {
    const last = kept.at(-1);
    if (last === undefined || x(last.count) - x(point.count) > 34) kept.push(point);
  }
  return kept;
}

/** A round number above all values. */
function niceTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-9)));
  return [1, 2, 3, 4, 5, 6, 8, 10].map((step) => step * power).find((top) => top >= value) ?? value;
}

function shown(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))} M`;
  if (value >= 1e4) return `${Number((value / 1e3).toPrecision(3))} k`;
  return String(Number(value.toPrecision(3)));
}
