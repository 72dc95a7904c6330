/** JSON schemas of what the control port takes and answers. */
import { adjustable, bounds } from "../rules/bounds.ts";
import { zeroCounters } from "./counters.ts";

/** A JSON schema, or a part of the document that holds some. */
export type Schema = Readonly<Record<string, unknown>>;

const count = { type: "integer", minimum: 0 };
const text = { type: "string" };

function object(properties: Schema, required: readonly string[] = Object.keys(properties)): Schema {
  return { type: "object", properties, required, additionalProperties: false };
}

function list(items: Schema): Schema {
  return { type: "array", items };
}

/** An empty object. */
export const nothing = object({});

/** Anything. */
export const anything: Schema = { type: "object" };

/** What is told of a body that is refused. */
export const problem = object({ error: text });

/** The answer of /health. */
export const health = object({ ready: { type: "boolean" } });

/** The number of a fault. */
export const id = object({ id: count });

/** The answer of /counters. */
export const counters = object(
  Object.fromEntries(
    [...Object.keys(zeroCounters()), "lockWaits", "openConnections"].map((name) => [
      name,
      { type: "number", minimum: 0 },
    ]),
  ),
);

/** Limits; the default of each is the service's. */
export const limits = object(
  Object.fromEntries(
    adjustable.map((name) => [name, { type: "integer", minimum: 1, default: bounds[name] }]),
  ),
  [],
);

const occasion = {
  nth: { ...count, default: 1, description: "strikes first at this one of its occasions" },
  times: { ...count, default: 1, description: "how many in a row; 0 is always" },
  applicationName: { ...text, description: "only sessions that called themselves so at start-up" },
};

function faultOf(kind: string, own: Schema, required: readonly string[]): Schema {
  const properties = { kind: { const: kind }, ...own, ...occasion };
  return object(properties, ["kind", ...required]);
}

const match = { ...text, description: "a regular expression on the statement's text" };

/** One fault. */
export const fault: Schema = {
  oneOf: [
    faultOf("conflict", { code: { enum: ["OC000", "OC001"] } }, ["code"]),
    faultOf("cut", { when: { enum: ["before", "after", "late"] }, lateMs: count }, ["when"]),
    faultOf("slow-commit", { delayMs: count }, ["delayMs"]),
    faultOf("slow-statement", { delayMs: count, match }, ["delayMs"]),
    faultOf("unavailable", { when: { enum: ["statement", "before", "after"] }, match }, []),
    faultOf("refuse-connect", { code: { enum: ["53400", "53300", "08006", "XX000", "waking-up"] } }, ["code"]),
  ],
}; // prettier-ignore

/** What is on. */
export const faults = list(object({ id: count, fault, struck: count }));

/** The cluster's distance. */
export const delays = object({ statementMs: count, commitMs: count, jobMs: count }, []);

/** What a table takes. */
export const throughput = object({
  rowsPerSecond: { ...count, description: "of a table that is cold; 0 for no bound" },
  doublesAfterMs: { ...count, description: "of heat; 0 for never" },
}, ["rowsPerSecond"]); // prettier-ignore

/** How many statements are to be kept. */
export const keep = object({ keep: { ...count, maximum: 100_000 } });

/** By how much the clock moves. */
export const clock = object({ shiftMs: { type: "number" } });

/** What is kept. */
export const statements = list(
  object({
    at: { type: "string", format: "date-time" },
    connection: count,
    applicationName: text,
    statement: text,
    tookMs: { type: "number" },
    refused: { type: ["string", "null"], description: "its SQLSTATE" },
    dpu: object({
      compute: { type: "number" },
      read: { type: "number" },
      write: { type: "number" },
    }),
  }),
);
