import { Hono } from "hono";
import type { Context } from "hono";
import { MillraceError } from "../errors/millrace-error.ts";
import { toMillraceError } from "../errors/to-millrace-error.ts";
import { readiness } from "../observe/health.ts";
import type { TableStatus, TaskStatus } from "../pipeline/status.ts";
import { guard } from "./access.ts";
import { addDeadLetters, type ServedLetters } from "./dead-letter-routes.ts";
import { openApi } from "./openapi.ts";
import { problemOf } from "./problem.ts";

/** A pipeline as HTTP steers it. */
export interface ServedPipeline extends ServedLetters {
  readonly name: string;
  status(): TaskStatus;
  pause(): Promise<void>;
  resume(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
  resync(table: string): Promise<void>;
}

/** What the application serves. */
export interface AppParts {
  readonly pipelines: readonly ServedPipeline[];
  readonly metrics: { page(): Promise<{ readonly text: string; readonly contentType: string }> };
  /** Bearer token; null on loopback. */
  readonly token: string | null;
  /** Lag over which `/health/ready` says no, milliseconds. */
  readonly maxLagMs: number;
  readonly version: string;
}

type Action = "pause" | "resume" | "restart" | "stop";
const ACTIONS: readonly Action[] = ["pause", "resume", "restart", "stop"];

/** The HTTP interface of INTERFACE §4, as far as this version has it. */
export function createApp(parts: AppParts): Hono {
  const app = new Hono();
  app.use(guard(parts.token));
  app.onError((error, context) => problem(context, toMillraceError(error, "MR_BUG")));
  app.notFound((context) => problem(context, nothingAt(context.req.path)));
  addOperations(app, parts);
  addPipelines(app, parts.pipelines);
  return app;
}

/** Paths without a name in them: where somebody who guessed can go on. */
const ENTRANCES = [
  "/health/live",
  "/health/ready",
  "/metrics",
  "/api/v1/pipelines",
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
  app.post(`${base}/:pipeline/tables/:table/resync`, async (context) => {
    const pipeline = find(context.req.param("pipeline"));
    const table = tableOf(pipeline, context.req.param("table"));
    await pipeline.resync(table.id);
    return context.json(tableOf(pipeline, table.id));
  });
  addDeadLetters(app, base, find);
  for (const action of ACTIONS) {
    app.post(`${base}/:pipeline/${action}`, async (context) => {
      const pipeline = find(context.req.param("pipeline"));
      await pipeline[action]();
      return context.json(pipeline.status());
    });
  }
}

function tableOf(pipeline: ServedPipeline, name: string): TableStatus {
  const found = pipeline.status().tables.find(({ id }) => id === name);
  if (found === undefined)
    throw new MillraceError("MR_NOT_FOUND", `pipeline ${pipeline.name} has no table ${name}`);
  return found;
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
