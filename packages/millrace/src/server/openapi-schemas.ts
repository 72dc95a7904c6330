const object = (properties: Record<string, unknown>) => ({
  type: "object",
  required: Object.keys(properties),
  properties,
});
const nullable = (type: string) => ({ type: [type, "null"] });
/** Any text. */
export const text = { type: "string" };
const integer = { type: "integer" };
const listOf = (name: string) => ({
  type: "array",
  items: { $ref: `#/components/schemas/${name}` },
});

/** What the listener answers with, by name. */
export const SCHEMAS = {
  Live: object({ live: { const: true } }),
  Readiness: object({ ready: { type: "boolean" }, reasons: { type: "array", items: text } }),
  OpenApi: { type: "object" },
  Table: object({
    id: text,
    targets: { type: "array", items: text },
    state: { enum: ["DISCOVERY", "INIT_SYNC", "SYNC"] },
    rowsLoaded: integer,
    estimatedRows: nullable("integer"),
    loadedPercent: nullable("number"),
    changes: integer,
    deadLetters: integer,
    stopped: {
      oneOf: [{ type: "null" }, object({ code: text, message: text, atMs: integer })],
    },
    paused: { oneOf: [{ type: "null" }, object({ atMs: integer })] },
    notices: { type: "array", items: text },
  }),
  Reload: object({
    came: { type: "array", items: text },
    left: { type: "array", items: text },
    rerouted: { type: "array", items: text },
    changed: { type: "boolean" },
  }),
  Tables: object({ tables: listOf("Table") }),
  DeadLetter: object({
    id: text,
    table: text,
    target: text,
    key: text,
    keyColumns: { type: "object", additionalProperties: nullable("string") },
    op: { enum: ["r", "c", "u", "d"] },
    position: {},
    code: text,
    reason: text,
    column: nullable("string"),
    attempts: integer,
    parkedAtMs: integer,
    triedAtMs: integer,
  }),
  DeadLetters: object({ deadLetters: listOf("DeadLetter") }),
  ReplayOutcome: object({
    id: text,
    table: text,
    outcome: { enum: ["replayed", "deleted", "superseded", "refused", "impossible"] },
    why: nullable("string"),
    letter: { oneOf: [{ type: "null" }, { $ref: "#/components/schemas/DeadLetter" }] },
  }),
  ReplayOutcomes: object({ outcomes: listOf("ReplayOutcome") }),
  Channel: object({ id: text, kind: { enum: ["log", "chunk"] }, frontier: {} }),
  Channels: object({ channels: listOf("Channel") }),
  Pipeline: object({
    pipeline: text,
    state: {
      enum: [
        "starting",
        "running",
        "retrying",
        "paused",
        "stopping",
        "stopped",
        "failed",
        "fenced",
      ],
    },
    error: { oneOf: [{ type: "null" }, object({ code: text, message: text, remedy: text })] },
    retrying: {
      oneOf: [
        { type: "null" },
        object({
          code: text,
          message: text,
          remedy: text,
          sinceMs: integer,
          attempts: integer,
          nextTryMs: integer,
        }),
      ],
    },
    unfinished: nullable("string"),
    fence: nullable("integer"),
    lagMs: nullable("number"),
    lagBytes: nullable("number"),
    progressAgeMs: { type: "number" },
    load: { $ref: "#/components/schemas/Load" },
    retention: { oneOf: [{ type: "null" }, { $ref: "#/components/schemas/Retention" }] },
    bufferBytes: integer,
    bufferLimitBytes: integer,
    retries: { type: "object", additionalProperties: integer },
    identity: {},
    tables: listOf("Table"),
    channels: listOf("Channel"),
  }),
  Load: object({
    maxRowsPerSecond: nullable("integer"),
    maxBytesPerSecond: nullable("integer"),
    limited: { type: "boolean" },
    waitedMs: { type: "number" },
    paused: nullable("string"),
  }),
  Retention: object({
    retainedBytes: integer,
    limitBytes: nullable("integer"),
    limitOf: { enum: ["pipeline", "server", null] },
    limitSeconds: nullable("number"),
  }),
  Pipelines: object({ pipelines: listOf("Pipeline") }),
  Problem: object({
    type: text,
    title: text,
    status: integer,
    detail: text,
    code: text,
    remedy: text,
  }),
};
