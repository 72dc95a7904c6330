/** Reads faults and delays from the control port's JSON. */
import { adjustable, type Limits } from "../rules/bounds.ts";
import type { Delays } from "./delays.ts";
import type { Fault } from "./faults.ts";
import type { Throughput } from "./partitions.ts";

/** A fault, or what is wrong with the JSON. */
export interface ReadFault {
  readonly fault: Fault | undefined;
  readonly problem: string;
}

type Fields = Readonly<Record<string, unknown>>;

/** Reads one fault. */
export function readFault(body: unknown): ReadFault {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    return { fault: undefined, problem: "a JSON object is expected" };
  }
  const fields: Fields = { ...body };
  try {
    return { fault: build(fields), problem: "" };
  } catch (error) {
    return { fault: undefined, problem: error instanceof Error ? error.message : String(error) };
  }
}

/** Reads what the cluster's distance is to be; what is left out is 0. */
export function readDelays(body: unknown): {
  readonly delays: Delays | undefined;
  readonly problem: string;
} {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    return { delays: undefined, problem: "a JSON object is expected" };
  }
  const fields: Fields = { ...body };
  try {
    const read = (name: string): number => (fields[name] === undefined ? 0 : count(fields, name));
    const delays = {
      statementMs: read("statementMs"),
      commitMs: read("commitMs"),
      jobMs: read("jobMs"),
    };
    return { delays, problem: "" };
  } catch (error) {
    return { delays: undefined, problem: error instanceof Error ? error.message : String(error) };
  }
}

/** Reads what a table is to take. */
export function readThroughput(body: unknown): {
  readonly throughput: Throughput | undefined;
  readonly problem: string;
} {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    return { throughput: undefined, problem: "a JSON object is expected" };
  }
  const fields: Fields = { doublesAfterMs: 0, ...body };
  try {
    const rowsPerSecond = count(fields, "rowsPerSecond");
    const throughput = { rowsPerSecond, doublesAfterMs: count(fields, "doublesAfterMs") };
    return { throughput, problem: "" };
  } catch (error) {
    return {
      throughput: undefined,
      problem: error instanceof Error ? error.message : String(error),
    };
  }
}

/** Reads by how much the clock is to move. */
export function readShift(body: unknown): {
  readonly shiftMs: number | undefined;
  readonly problem: string;
} {
  const shiftMs =
    typeof body === "object" && body !== null && "shiftMs" in body ? body.shiftMs : undefined;
  const isNumber = typeof shiftMs === "number" && Number.isFinite(shiftMs);
  if (isNumber) return { shiftMs, problem: "" };
  return { shiftMs: undefined, problem: "shiftMs must be a number of milliseconds" };
}

/** Reads limits to be set; those that are left out stay. */
export function readLimits(body: unknown): {
  readonly limits: Partial<Limits> | undefined;
  readonly problem: string;
} {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    return { limits: undefined, problem: "a JSON object is expected" };
  }
  const limits: Partial<Limits> = {};
  for (const [name, value] of Object.entries(body)) {
    const known = adjustable.find((candidate) => candidate === name);
    if (known === undefined) return { limits: undefined, problem: unknownLimit(name) };
    if (!isPositive(value)) {
      return { limits: undefined, problem: `${name} must be a whole number from 1` };
    }
    limits[known] = value;
  }
  return { limits, problem: "" };
}

function unknownLimit(name: string): string {
  return `${name} is no limit that can be set; there are ${adjustable.join(", ")}`;
}

function isPositive(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 1;
}

const MOST_STATEMENTS = 100_000;

/** Reads how many statements are to be kept. */
export function readMost(body: unknown): {
  readonly most: number | undefined;
  readonly problem: string;
} {
  const most = typeof body === "object" && body !== null && "keep" in body ? body.keep : undefined;
  const isCount = typeof most === "number" && Number.isInteger(most) && most >= 0;
  if (isCount && most <= MOST_STATEMENTS) return { most, problem: "" };
  return { most: undefined, problem: `keep must be a whole number up to ${MOST_STATEMENTS}` };
}

function build(fields: Fields): Fault {
  const occasion = {
    ...optionalCount(fields, "nth"),
    ...optionalCount(fields, "times"),
    ...optionalText(fields, "applicationName"),
  };
  const kinds = ["conflict", "cut", "slow-commit", "slow-statement", "unavailable", "refuse-connect"] as const; // prettier-ignore
  const kind = choice(fields, "kind", kinds);
  switch (kind) {
    case "conflict":
      return { kind, code: choice(fields, "code", ["OC000", "OC001"]), ...occasion };
    case "cut": {
      const when = choice(fields, "when", ["before", "after", "late"]);
      return { kind, when, ...optionalCount(fields, "lateMs"), ...occasion };
    }
    case "slow-commit":
      return { kind, delayMs: count(fields, "delayMs"), ...occasion };
    case "slow-statement":
      return { kind, delayMs: count(fields, "delayMs"), ...pattern(fields), ...occasion };
    case "unavailable": {
      const { when } = fields;
      const moment =
        when === undefined
          ? {}
          : { when: choice(fields, "when", ["statement", "before", "after"]) };
      return { kind, ...moment, ...pattern(fields), ...occasion };
    }
    case "refuse-connect":
      return {
        kind,
        code: choice(fields, "code", ["53400", "53300", "08006", "XX000", "waking-up"]),
        ...occasion,
      };
  }
}

function choice<T extends string>(fields: Fields, name: string, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === fields[name]);
  if (found === undefined) throw new Error(`${name} must be one of ${allowed.join(", ")}`);
  return found;
}

function count(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0) {
    throw new Error(`${name} must be a whole number`);
  }
  return value;
}

function optionalCount<K extends string>(fields: Fields, name: K): { [P in K]?: number } {
  const out: { [P in K]?: number } = {};
  if (fields[name] !== undefined) out[name] = count(fields, name);
  return out;
}

function optionalText<K extends string>(fields: Fields, name: K): { [P in K]?: string } {
  const value = fields[name];
  const out: { [P in K]?: string } = {};
  if (value === undefined) return out;
  if (typeof value !== "string") throw new Error(`${name} must be a text`);
  out[name] = value;
  return out;
}

function pattern(fields: Fields): { match?: string } {
  const { match } = optionalText(fields, "match");
  if (match === undefined) return {};
  new RegExp(match, "i");
  return { match };
}
