/** How much the property tests draw: little in `npm test`, much in `npm run fuzz`. */
import * as fc from "fast-check";

const factor = positive("MILLRACE_TEST_RUNS", 1);
const valuesOfEachType = process.env["MILLRACE_TEST_VALUES"];

/**
 * Where draws begin: the same in each `npm test`, so that no change is judged by another's luck; elsewhere in each run of
 * `npm run fuzz`, which says it at a failure.
 */
export const drawnSeed = isFuzz() ? Date.now() % 1_000_000_000 : 20_261_122;

/** Runs of a property that has its own number of them. */
export function testRuns(usually: number): number {
  return Math.ceil(usually * factor);
}

/** Values that are drawn for each type. */
export function valuesPerType(usually: number): number {
  return valuesOfEachType === undefined ? usually : positive("MILLRACE_TEST_VALUES", usually);
}

/** A time limit that grows with what is drawn. */
export function timeFor(usuallyMs: number): number {
  const values = valuesOfEachType === undefined ? 1 : Math.max(1, Number(valuesOfEachType) / 100);
  return Math.ceil(usuallyMs * Math.max(1, factor, values));
}

// Properties that say no number draw fast-check's hundred.
fc.configureGlobal({ ...fc.readConfigureGlobal(), numRuns: testRuns(100), seed: drawnSeed });

/** Whether this run is to find what no run found before it. */
export function isFuzz(): boolean {
  return process.env["MILLRACE_TEST_RUNS"] !== undefined || valuesOfEachType !== undefined;
}

function positive(name: string, otherwise: number): number {
  const value = Number(process.env[name] ?? otherwise);
  if (!Number.isFinite(value) || value <= 0) throw new Error(`${name} is not a number above 0`);
  return value;
}
