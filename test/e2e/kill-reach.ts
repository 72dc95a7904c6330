/** In which phases each failpoint can be reached: written down from what was observed, and held against it. */
import { namedFailpoints } from "./failpoints.ts";
import type { SourceKind } from "./sources.ts";

/** The phases that a kill may belong to (`FailpointPhase` but START, which is part of the one before it). */
export const killPhases = ["INIT_SYNC", "HANDOVER", "SYNC"] as const;

/** One of them. */
export type KillPhase = (typeof killPhases)[number];

/** A kill that is asked for. */
export interface Kill {
  readonly failpoint: string;
  readonly phase: KillPhase;
  /** The how manieth time the place is reached in that phase; the first when left out. */
  readonly nth?: number;
}

/**
 * Failpoints that a SQL sink never reaches, where jsonl.e2e.test.ts and kafka.e2e.test.ts kill; those of topics and of DynamoDB as a source, killed at by lives of their own; those of dead letters, which
 * the scenario has none of: dead-letters.pg.test.ts kills there; a load into topics behind changes that were missed, which the simulation breaks off; and what none of our workloads has: a schema change that is
 * not understood.
 */
const elsewhere =
  /^(jsonl|kafka|kafka-log|kafka-group|dynamodb-[a-z]+|replay|letter|load|table|mysql-catalogue)\./;
/** Reached by XA transactions, and by those that are in doubt and larger than what is held: a workload of their own. */
const ofDoubt = /^mysql-log\.(look-ahead|replay)$/;
/** Reached once in the life of a pipeline, in this order, when it begins: nothing is loaded then. */
const ofTheBirth = ["sink.targets-claimed", "postgres-slot.after-create"];
/** Reached only while something is being loaded: never while every table is SYNC. */
const ofTheLoad = /^(chunk|keyless|sweep)\.|^(mysql-)?snapshot\.chunk-batch$/;
/** Its table is loaded at that moment, and not SYNC: the hand-over by its definition. */
const ofTheHandover = "keyless.loaded";
/** Reached at each start, before anything flows, or never again in that run. */
const ofTheStart =
  /^(source|mysql-source|postgres-publication|postgres-slot)\.|^(mysql-log\.opened|run\.(prepared|resized)|sink\.(fence-raised|before-takeover-commit|targets-claimed))$/;

/** Whether the pipeline has to be brought to the phase before the process starts that is killed there. */
export const isOfTheStart = (failpoint: string): boolean => ofTheStart.test(failpoint);

/** Whether only transactions of which nobody knows before their end whether they count lead there. */
export const isOfDoubt = (failpoint: string): boolean => ofDoubt.test(failpoint);

/** How a kill is written: where, the how manieth time, and in which phase. */
export const nameOfKill = ({ failpoint, phase, nth }: Kill): string =>
  `${failpoint}@${nth ?? 1}:${phase}`;

/** Whether one workload leads to both: then one process is armed with both, and dies of what comes first. */
export function together(one: Kill, other: Kill): boolean {
  if (one.failpoint === other.failpoint || one.phase !== other.phase) return false;
  const names = [one.failpoint, other.failpoint];
  if (names.includes("run.resized")) return false; // its process starts with another number of lanes
  if (names.some((name) => ofTheBirth.includes(name))) return false;
  const ways = names.map((name) =>
    [isOfTheStart(name), name.startsWith("keyless."), isOfDoubt(name)].join(),
  );
  return ways[0] === ways[1];
}

/** Every failpoint that a pipeline from such a source into a SQL sink reaches. */
export function sqlFailpoints(from: SourceKind): readonly string[] {
  const other = from === "postgres" ? "sources/mysql" : "sources/postgres";
  return namedFailpoints([other]).filter((name) => !elsewhere.test(name));
}

/** The phases in which a failpoint can be reached. */
export function phasesOf(failpoint: string): readonly KillPhase[] {
  if (ofTheBirth.includes(failpoint)) return ["INIT_SYNC"];
  if (failpoint === ofTheHandover) return ["HANDOVER"];
  if (ofTheLoad.test(failpoint)) return ["INIT_SYNC", "HANDOVER"];
  return killPhases;
}

/** Every failpoint in each of its phases. */
export function killMatrix(from: SourceKind): readonly Kill[] {
  return sqlFailpoints(from).flatMap((failpoint) =>
    phasesOf(failpoint).map((phase) => ({ failpoint, phase })),
  );
}

/**
 * Divides kills among pipelines, so many each. A pipeline that dies in SYNC is left alone with loads, which would take
 * it out of SYNC for long. What happens once in a life comes first in one of its own.
 */
export function livesOf(
  kills: readonly Kill[],
  killsPerLife: number,
): readonly (readonly Kill[])[] {
  const isBirth = ({ failpoint }: Kill): boolean => ofTheBirth.includes(failpoint);
  const others = kills.filter((kill) => !isBirth(kill));
  const loading = divided(
    others.filter(({ phase }) => phase !== "SYNC"),
    killsPerLife,
  );
  const following = divided(
    others.filter(({ phase }) => phase === "SYNC"),
    killsPerLife,
  );
  const births = ofTheBirth.map((name) => kills.filter(({ failpoint }) => failpoint === name));
  const lives = Math.max(loading.length, ...births.map((some) => some.length));
  const born = Array.from({ length: lives }, (_, life) => [
    ...births.flatMap((some) => some[life] ?? []),
    ...(loading[life] ?? []),
  ]);
  return [...born, ...following];
}

function divided(kills: readonly Kill[], killsPerLife: number): readonly (readonly Kill[])[] {
  const lives = Math.ceil(kills.length / killsPerLife);
  return Array.from({ length: lives }, (_, life) => {
    const from = Math.floor((life * kills.length) / lives);
    return kills.slice(from, Math.floor(((life + 1) * kills.length) / lives));
  });
}

/** What was reached where it cannot be by this page; a start that does not know its phase yet is part of any. */
export function undeclared(reached: Iterable<string>): readonly string[] {
  return [...reached].filter((place) => {
    const [failpoint = "", phase = ""] = place.split(" ");
    return phase !== "START" && !phasesOf(failpoint).some((declared) => declared === phase);
  });
}
