import { SCHEMAS, text } from "./openapi-schemas.ts";

/** A path of the API for the description at `/api/v1/openapi.json`; a test holds it and the routes together. */
interface Operation {
  readonly method: "get" | "post";
  readonly path: string;
  readonly summary: string;
  readonly answer: string;
}

const PIPELINE = "/api/v1/pipelines/{pipeline}";

/** Everything that the listener answers. */
export const OPERATIONS: readonly Operation[] = [
  { method: "get", path: "/", summary: "The dashboard.", answer: "text/html" },
  {
    method: "get",
    path: "/dashboard/live",
    summary: "What the dashboard shows, as server-sent events: the page's inside, once a second.",
    answer: "text/event-stream",
  },
  {
    method: "get",
    path: "/api/v1/events",
    summary:
      "What pipelines tell from now on, as server-sent events, named by their type; `?pipeline=NAME` for one.",
    answer: "text/event-stream",
  },
  { method: "get", path: "/metrics", summary: "Metrics for Prometheus.", answer: "text/plain" },
  { method: "get", path: "/health/live", summary: "The process answers.", answer: "Live" },
  {
    method: "get",
    path: "/health/ready",
    summary: "Every table is in SYNC and the lag is under the bound; 503 says why not.",
    answer: "Readiness",
  },
  { method: "get", path: "/api/v1/openapi.json", summary: "This description.", answer: "OpenApi" },
  {
    method: "get",
    path: "/api/v1/pipelines",
    summary: "All pipelines of this process.",
    answer: "Pipelines",
  },
  { method: "get", path: PIPELINE, summary: "One pipeline.", answer: "Pipeline" },
  { method: "get", path: `${PIPELINE}/tables`, summary: "Its tables.", answer: "Tables" },
  {
    method: "get",
    path: `${PIPELINE}/tables/{table}`,
    summary: "One table, by its name at the source.",
    answer: "Table",
  },
  {
    method: "get",
    path: `${PIPELINE}/channels`,
    summary: "Its channels and their frontiers.",
    answer: "Channels",
  },
  {
    method: "post",
    path: `${PIPELINE}/pause`,
    summary: "Reads nothing more; what is on its way is written.",
    answer: "Pipeline",
  },
  {
    method: "post",
    path: `${PIPELINE}/resume`,
    summary: "Goes on after a pause.",
    answer: "Pipeline",
  },
  {
    method: "post",
    path: `${PIPELINE}/restart`,
    summary: "Stops and starts again from the state at the sink, paused where it was.",
    answer: "Pipeline",
  },
  {
    method: "post",
    path: `${PIPELINE}/reload`,
    summary:
      "Reads the file again and goes on with its tables, routes and transforms; says what differs where more does.",
    answer: "Reload",
  },
  {
    method: "post",
    path: `${PIPELINE}/stop`,
    summary: "Finishes what is under way and ends the pipeline.",
    answer: "Pipeline",
  },
  {
    method: "post",
    path: `${PIPELINE}/tables/{table}/resync`,
    summary:
      "Loads a table again. 202 with `pending` where that cannot begin yet: while the pipeline is paused, or busy.",
    answer: "Table",
  },
  {
    method: "post",
    path: `${PIPELINE}/tables/{table}/pause`,
    summary:
      "Takes one table out of the way: its changes are left out, those of the others are applied. 202 as for a resync.",
    answer: "Table",
  },
  {
    method: "post",
    path: `${PIPELINE}/tables/{table}/resume`,
    summary: "Brings a paused table back: it is loaded anew. 202 as for a resync.",
    answer: "Table",
  },
  {
    method: "get",
    path: `${PIPELINE}/dead-letters`,
    summary: "Rows that are parked, with their keys; of one table with `?table=NAME`.",
    answer: "DeadLetters",
  },
  {
    method: "get",
    path: `${PIPELINE}/dead-letters/{id}`,
    summary: "One of them, by its id or the beginning of it.",
    answer: "DeadLetter",
  },
  {
    method: "post",
    path: `${PIPELINE}/dead-letters/{id}/replay`,
    summary: "Reads the row from the source once more and applies it.",
    answer: "ReplayOutcome",
  },
  {
    method: "post",
    path: `${PIPELINE}/dead-letters/{id}/discard`,
    summary: "Takes the letter away and leaves the row as the sink has it.",
    answer: "DeadLetter",
  },
  {
    method: "post",
    path: `${PIPELINE}/dead-letters/replay`,
    summary: "The same for those of a table (`?table=NAME`) or for all (`?all=true`).",
    answer: "ReplayOutcomes",
  },
  {
    method: "post",
    path: `${PIPELINE}/dead-letters/discard`,
    summary: "The same for those of a table (`?table=NAME`) or for all (`?all=true`).",
    answer: "DeadLetters",
  },
];

/** The OpenAPI 3.1 description of the listener. */
export function openApi(version: string): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of OPERATIONS) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: describe(operation) };
  }
  return {
    openapi: "3.1.0",
    info: { title: "Millrace", version },
    paths,
    components: {
      schemas: SCHEMAS,
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
    },
    security: [{}, { token: [] }],
  };
}

function describe({ path, summary, answer }: Operation): Record<string, unknown> {
  const parameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: text,
  }));
  const content = answer.startsWith("text/")
    ? { [answer]: {} }
    : { "application/json": { schema: { $ref: `#/components/schemas/${answer}` } } };
  const problem = {
    "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
  };
  return {
    summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    responses: {
      "200": { description: "Done.", content },
      ...(/\{table\}\/\w+$/.test(path)
        ? { "202": { description: "Accepted; `pending` says when it begins.", content } }
        : {}),
      default: { description: "A problem.", content: problem },
    },
  };
}
