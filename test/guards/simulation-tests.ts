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

/** A log that tells schema changes in their place. */
export const SIMULATED_TOLD: TestName = {
  file,
  name: "follows a log that tells schema changes in their place, understood or not",
};

/** A log of several shards. */
export const SIMULATED_SHARDS: TestName = {
  file,
  name: "follows a stream whose shards end and beget others, merged in another order by each run",
};

/** Loads whose turns are denied at random. */
export const SIMULATED_TURNS: TestName = {
  file,
  name: "holds whenever a load gives way to changes, and whoever has its turns",
};

/** A sink that keeps every change. */
export const SIMULATED_TOPICS: TestName = {
  file,
  name: "writes every change once into a sink of topics",
};

/** The Kafka source over model brokers. */
export const SIMULATED_PARTITIONS: TestName = {
  file: "packages/millrace/src/simulation/topics.test.ts",
  name: "are at the sink what their committed messages come to",
};

/** Seeds of it that once broke a promise. */
export const SIMULATED_PARTITIONS_AGAIN: TestName = {
  file: "packages/millrace/src/simulation/topics.test.ts",
  name: "seed 535 of topics holds",
};
