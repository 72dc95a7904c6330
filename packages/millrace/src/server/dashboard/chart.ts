import { html, type Html } from "./html.ts";

const WIDTH = 240;
const HEIGHT = 44;
/** Between the curve and the edges, so that its line is whole. */
const MARGIN = 2;

/**
 * A curve over time, the newest value at the right; gaps where a value is null. `slots` is how many values the whole width
 * has; `least` is what the height stands for when nothing is greater.
 */
export function curve(
  values: readonly (number | null)[],
  {
    slots,
    least,
    label,
  }: { readonly slots: number; readonly least: number; readonly label: string },
): Html {
  const top = Math.max(least, ...values.map((value) => value ?? 0));
  const first = slots - values.length;
  const points = values.map((value, i) =>
    value === null ? null : { x: xOf(first + i, slots), y: yOf(value, top) },
  );
  const runs = unbroken(points);
  return html`<svg
    class="curve"
    viewBox="0 0 ${WIDTH} ${HEIGHT}"
    preserveAspectRatio="none"
    role="img"
    aria-label="${label}"
  >
    ${runs.map((run) => html`<path class="area" d="${areaOf(run)}" /><path class="line" d="${lineOf(run)}" />`)}
  </svg>`;
}

interface Point {
  readonly x: number;
  readonly y: number;
}

function xOf(slot: number, slots: number): number {
  return round((WIDTH * slot) / Math.max(1, slots - 1));
}

function yOf(value: number, top: number): number {
  return round(HEIGHT - MARGIN - ((HEIGHT - 2 * MARGIN) * value) / top);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function unbroken(points: readonly (Point | null)[]): Point[][] {
  const runs: Point[][] = [[]];
  for (const point of points) {
    if (point === null) runs.push([]);
    else runs.at(-1)?.push(point);
  }
  return runs.filter((run) => run.length > 0);
}

function lineOf(run: readonly Point[]): string {
  return `M${run.map(({ x, y }) => `${x} ${y}`).join("L")}`;
}

function areaOf(run: readonly Point[]): string {
  const from = run[0]?.x ?? 0;
  const to = run.at(-1)?.x ?? 0;
  return `${lineOf(run)}L${to} ${HEIGHT}L${from} ${HEIGHT}Z`;
}
