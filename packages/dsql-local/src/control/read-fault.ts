/** Reads faults and delays from the control port's JSON. */
import type { Delays } from "./delays.ts";
import type { Fault } from "./faults.ts";

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
    const delays = { statementMs: read("statementMs"), commitMs: read("commitMs") };
    return { delays, problem: "" };
  } catch (error) {
    return { delays: undefined, problem: error instanceof Error ? error.message : String(error) };
  }
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
    case "unavailable":
      return { kind, ...pattern(fields), ...occasion };
    case "refuse-connect":
      return {
        kind,
        code: choice(fields, "code", ["53400", "53300", "08006", "XX000"]),
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
