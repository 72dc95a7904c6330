import { setTimeout as sleep } from "node:timers/promises";
import { Hono } from "hono";
import type { Context } from "hono";
import { MillraceError } from "../errors/millrace-error.ts";
import { toMillraceError } from "../errors/to-millrace-error.ts";
import { readiness } from "../observe/health.ts";
import type { ReloadOutcome } from "../reload-check.ts";
import type { TableStatus } from "../pipeline/status.ts";
import { guard } from "./access.ts";
import type { KafkaTotals } from "../observe/kafka-metrics.ts";
import type { WatchedPipeline, Watcher } from "./dashboard/watcher.ts";
import { addDeadLetters, type ServedLetters } from "./dead-letter-routes.ts";
import { addEvents } from "./event-routes.ts";
import { openApi } from "./openapi.ts";
import { problemOf } from "./problem.ts";
import { unknownTable } from "./unknown-table.ts";

/** A pipeline as HTTP steers it. */
export interface ServedPipeline extends ServedLetters, WatchedPipeline {
  pause(): Promise<void>;
  resume(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
  resync(table: string): Promise<void>;
  pauseTable(table: string): Promise<void>;
  reload(): Promise<ReloadOutcome>;
  resumeTable(table: string): Promise<void>;
}

/** What the application serves. */
export interface AppParts {
  readonly pipelines: readonly ServedPipeline[];
  readonly metrics: {
    page(): Promise<{ readonly text: string; readonly contentType: string }>;
    /** For the dashboard; left out: it shows nothing of brokers. */
    kafkaTotals?(pipeline: string): KafkaTotals | null;
  };
  /** Bearer token; null on loopback. */
  readonly token: string | null;
  /** Lag over which `/health/ready` says no, milliseconds. */
  readonly maxLagMs: number;
  readonly version: string;
  /** Draws the dashboard. */
  readonly watcher: Watcher;
  /** Aborts when the listener closes. */
  readonly closing: AbortSignal;
  /** Between two signs of life to those who listen to events, milliseconds. */
  readonly beatMs?: number;
}

type Action = "pause" | "resume" | "restart" | "stop";
const ACTIONS: readonly Action[] = ["pause", "resume", "restart", "stop"];

/** What may be asked of one table; each may have to wait. */
const TABLE_ACTIONS = {
  resync: (pipeline: ServedPipeline, table: string) => pipeline.resync(table),
  pause: (pipeline: ServedPipeline, table: string) => pipeline.pauseTable(table),
  resume: (pipeline: ServedPipeline, table: string) => pipeline.resumeTable(table),
} as const;

/** The HTTP interface (docs/operations/http.md). */
export function createApp(parts: AppParts): Hono {
  const app = new Hono();
  app.use(guard(parts.token));
  app.onError((error, context) => problem(context, toMillraceError(error, "MR_BUG")));
  app.notFound((context) => problem(context, nothingAt(context.req.path)));
  addOperations(app, parts);
  addPipelines(app, parts.pipelines);
  addEvents(app, parts.pipelines, parts);
  return app;
}

/** Paths without a name in them: where somebody who guessed can go on. */
const ENTRANCES = [
  "/ (the dashboard)",
  "/health/live",
  "/health/ready",
  "/metrics",
  "/api/v1/pipelines",
  "/api/v1/events",
  "/api/v1/openapi.json",
].join(", ");

function nothingAt(path: string): MillraceError {
  const detail =
    path === "/health"
      ? "/health is two questions: /health/live (does the process answer) and /health/ready (are all tables in step)"
      : `there is nothing at ${path}; there are ${ENTRANCES}`;
  const remedy = "Ask one of the paths that the detail names; /api/v1/openapi.json describes all.";
  return new MillraceError("MR_NOT_FOUND", detail, { remedy });
}

function addOperations(app: Hono, { metrics, pipelines, maxLagMs, version }: AppParts): void {
  app.get("/metrics", async (context) => {
    const { text, contentType } = await metrics.page();
    return context.body(text, 200, { "content-type": contentType });
  });
  app.get("/health/live", (context) => context.json({ live: true }));
  app.get("/health/ready", (context) => {
    const answer = readiness(
      pipelines.map((pipeline) => pipeline.status()),
      maxLagMs,
    );
    return context.json(answer, answer.ready ? 200 : 503);
  });
  app.get("/api/v1/openapi.json", (context) => context.json(openApi(version)));
}

function addPipelines(app: Hono, pipelines: readonly ServedPipeline[]): void {
  const base = "/api/v1/pipelines";
  const find = (name: string) => {
    const found = pipelines.find((pipeline) => pipeline.name === name);
    if (found === undefined)
      throw new MillraceError("MR_NOT_FOUND", `there is no pipeline ${name} in this process`);
    return found;
  };
  app.get(base, (context) =>
    context.json({ pipelines: pipelines.map((pipeline) => pipeline.status()) }),
  );
  app.get(`${base}/:pipeline`, (context) =>
    context.json(find(context.req.param("pipeline")).status()),
  );
  app.get(`${base}/:pipeline/tables`, (context) =>
    context.json({ tables: find(context.req.param("pipeline")).status().tables }),
  );
  app.get(`${base}/:pipeline/channels`, (context) =>
    context.json({ channels: find(context.req.param("pipeline")).status().channels }),
  );
  app.get(`${base}/:pipeline/tables/:table`, (context) =>
    context.json(tableOf(find(context.req.param("pipeline")), context.req.param("table"))),
  );
  addTableActions(app, base, find);
  app.post(`${base}/:pipeline/reload`, async (context) =>
    context.json(await find(context.req.param("pipeline")).reload()),
  );
  addDeadLetters(app, base, find);
  for (const action of ACTIONS) {
    app.post(`${base}/:pipeline/${action}`, async (context) => {
      const pipeline = find(context.req.param("pipeline"));
      await pipeline[action]();
      return context.json(pipeline.status());
    });
  }
}

function addTableActions(app: Hono, base: string, find: (name: string) => ServedPipeline): void {
  for (const [action, act] of Object.entries(TABLE_ACTIONS)) {
    app.post(`${base}/:pipeline/tables/:table/${action}`, async (context) => {
      const pipeline = find(context.req.param("pipeline"));
      const table = tableOf(pipeline, context.req.param("table"));
      const pending = await acceptance(pipeline, act(pipeline, table.id));
      const found = tableOf(pipeline, table.id);
      return pending === null ? context.json(found) : context.json({ ...found, pending }, 202);
    });
  }
}

/** How long an answer waits for what was asked of a table to begin, milliseconds; while the pipeline is paused it only waits for a refusal. */
const BEGIN_MS = 5_000;
const REFUSE_MS = 100;

/** Null once the work has begun; else when it is going to: nobody is kept waiting for that. */
async function acceptance(pipeline: ServedPipeline, work: Promise<void>): Promise<string | null> {
  const isPaused = pipeline.status().state === "paused";
  const waited = new AbortController();
  const grace = sleep(isPaused ? REFUSE_MS : BEGIN_MS, false, { signal: waited.signal });
  grace.catch(() => undefined);
  work.catch(() => undefined); // after the answer its failure is the pipeline's, which says so
  const begun = await Promise.race([work.then(() => true), grace]).finally(() => waited.abort());
  if (begun) return null;
  return isPaused ? "begins after resume" : "begins once what is under way is at the sink";
}

function tableOf(pipeline: ServedPipeline, name: string): TableStatus {
  const { tables } = pipeline.status();
  const found = tables.find(({ id }) => id === name) ?? withDatabase(tables, name);
  if (found !== undefined) return found;
  throw unknownTable(
    pipeline.name,
    name,
    tables.map(({ id }) => id),
  );
}

/** As the pipeline file spells it: `database.schema.table`. */
function withDatabase(tables: readonly TableStatus[], name: string): TableStatus | undefined {
  const [only, ...others] = tables.filter(({ id }) => name.endsWith(`.${id}`));
  return others.length === 0 ? only : undefined;
}

function problem(context: Context, error: MillraceError): Response {
  const document = problemOf(error);
  return new Response(JSON.stringify(document), {
    status: document.status,
    headers: {
      "content-type": "application/problem+json",
      ...(document.status === 401 && context.req.header("authorization") === undefined
        ? { "www-authenticate": "Bearer" }
        : {}),
    },
  });
}
