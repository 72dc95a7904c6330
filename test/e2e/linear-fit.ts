/** A straight line through points, and how sure its slope is: what tells growth from noise. */

/** A point of a series; `group` tells stretches apart that begin at levels of their own. */
export interface Point {
  readonly at: number;
  readonly value: number;
  readonly group?: number;
}

/** A fitted slope, per unit of `at`. */
export interface Fit {
  readonly slope: number;
  /** One standard deviation of the slope; Infinity where there are too few points to know. */
  readonly error: number;
  readonly mean: number;
}

/** Least squares with one slope for all groups, and a level for each. */
export function fitLine(points: readonly Point[]): Fit {
  const groups = Map.groupBy(points, ({ group = 0 }) => group);
  let [xx, xy, yy] = [0, 0, 0];
  for (const some of groups.values()) {
    const [x, y] = [mean(some.map(({ at }) => at)), mean(some.map(({ value }) => value))];
    for (const { at, value } of some) {
      xx += (at - x) ** 2;
      xy += (at - x) * (value - y);
      yy += (value - y) ** 2;
    }
  }
  const level = mean(points.map(({ value }) => value));
  const free = points.length - groups.size - 1;
  if (free < 1 || xx === 0) return { slope: 0, error: Number.POSITIVE_INFINITY, mean: level };
  const slope = xy / xx;
  const rest = Math.max(0, yy - slope * xy);
  return { slope, error: Math.sqrt(rest / free / xx), mean: level };
}

/** Whether the slope could be none: not above zero by more than two deviations. */
export function isFlat({ slope, error }: Fit): boolean {
  return slope - 2 * error <= 0;
}

/**
 * Means of stretches of `length`, within each group: neighbouring samples of a process say the same twice, and each
 * counted by itself would make a fit too sure of itself.
 */
export function inStretches(points: readonly Point[], length: number): readonly Point[] {
  const stretches = Map.groupBy(
    points,
    ({ at, group = 0 }) => `${group} ${Math.floor(at / length)}`,
  );
  return [...stretches.values()].map((some) => ({
    at: mean(some.map(({ at }) => at)),
    value: mean(some.map(({ value }) => value)),
    group: some[0]?.group ?? 0,
  }));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}
