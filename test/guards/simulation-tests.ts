import type { TestName } from "./guard.ts";

const file = "packages/millrace/src/pipeline/simulation.test.ts";

/** Every change is watched on its own, without compaction. */
export const SIMULATED_AUDIT: TestName = {
  file,
  name: "applies every change once and in order, over crashes, zombies and lost COMMITs",
};

/** Everything that the simulation knows. */
export const SIMULATED_ALL: TestName = {
  file,
  name: "makes the sink what the source is, whatever happens",
};

/** Tables, slots and publications that come and go. */
export const SIMULATED_LIVES: TestName = {
  file,
  name: "follows tables that come and go, at a source that forgets",
};

/** Targets with unique indexes. */
export const SIMULATED_UNIQUE: TestName = {
  file,
  name: "loses no row to unique indexes of the targets, whenever they are made",
};

/** A standby, a rate, and a bound of what the source keeps. */
export const SIMULATED_GENTLE: TestName = {
  file,
  name: "spares the source: loads from a standby that lags, slowly, and not while much of the log is kept",
};
