import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generate } from "selfsigned";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { Metrics } from "../observe/metrics.ts";
import { createApp } from "./app.ts";
import { Watcher } from "./dashboard/watcher.ts";
import { startServer } from "./listener.ts";
import type { ListenOptions, Server } from "./listener.ts";
import { openApi } from "./openapi.ts";
import { PipelineInTests, tableStatus } from "./served-pipeline.fixture.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-server-"));
afterAll(() => rmSync(folder, { recursive: true }));

const open: Server[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

async function serve(
  pipelines: readonly PipelineInTests[],
  listen: Partial<ListenOptions> = {},
): Promise<string> {
  const metrics = new Metrics();
  for (const pipeline of pipelines) metrics.watch(pipeline);
  const server = await startServer({
    pipelines,
    metrics,
    version: "1.2.3",
    listen: { host: "127.0.0.1", port: 0, ...listen },
  });
  open.push(server);
  return server.url;
}

const getJson = async (url: string): Promise<unknown> => (await fetch(url)).json();

/** A request with headers that fetch would not let through. */
function statusWith(url: string, headers: Record<string, string>, method = "GET"): Promise<number> {
  return new Promise((resolve, reject) => {
    request(url, { method, headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on("error", reject)
      .end();
  });
}

describe("the API", () => {
  it("tells pipelines, tables and channels", async () => {
    const url = await serve([new PipelineInTests("shop")]);
    expect(await getJson(`${url}/api/v1/pipelines`)).toMatchObject({
      pipelines: [{ pipeline: "shop", state: "running", lagMs: 120 }],
    });
    expect(await getJson(`${url}/api/v1/pipelines/shop`)).toMatchObject({
      pipeline: "shop",
      fence: 7,
    });
    expect(await getJson(`${url}/api/v1/pipelines/shop/tables`)).toMatchObject({
      tables: [{ id: "public.orders", state: "SYNC" }],
    });
    expect(await getJson(`${url}/api/v1/pipelines/shop/tables/public.orders`)).toMatchObject({
      rowsLoaded: 10,
    });
    expect(await getJson(`${url}/api/v1/pipelines/shop/channels`)).toEqual({
      channels: [{ id: "log", kind: "log", frontier: { lsn: "0/1" } }],
    });
  });

  it.each([
    ["pause", "paused"],
    ["resume", "running"],
    ["restart", "running"],
    ["stop", "stopped"],
  ])("does %s and answers with the state after it", async (action, state) => {
    const pipeline = new PipelineInTests("shop eu");
    const url = await serve([pipeline]);
    const response = await fetch(`${url}/api/v1/pipelines/shop%20eu/${action}`, { method: "POST" });
    expect([response.status, await response.json()]).toMatchObject([
      200,
      { pipeline: "shop eu", state },
    ]);
    expect(pipeline.calls).toEqual([action]);
  });

  it("loads a table again, also one whose name needs quotes", async () => {
    const pipeline = new PipelineInTests("shop", { tables: [tableStatus("a.b")] });
    const url = await serve([pipeline]);
    const path = `/api/v1/pipelines/shop/tables/${encodeURIComponent('public."a.b"')}/resync`;
    const response = await fetch(`${url}${path}`, { method: "POST" });
    expect(await response.json()).toMatchObject({ state: "INIT_SYNC" });
    expect(pipeline.calls).toEqual(['resync public."a.b"']);
  });

  it.each([
    [
      "a pipeline",
      "GET",
      "/api/v1/pipelines/nope",
      404,
      "MR_NOT_FOUND",
      "there is no pipeline nope in this process",
    ],
    [
      "a table",
      "POST",
      "/api/v1/pipelines/shop/tables/x/resync",
      404,
      "MR_NOT_FOUND",
      "pipeline shop has no table x",
    ],
    [
      "a path",
      "GET",
      "/api/v2",
      404,
      "MR_NOT_FOUND",
      "there is nothing at /api/v2; there are / (the dashboard), /health/live, /health/ready, /metrics, /api/v1/pipelines, /api/v1/events, /api/v1/openapi.json",
    ],
    [
      "one answer",
      "GET",
      "/health",
      404,
      "MR_NOT_FOUND",
      "/health is two questions: /health/live (does the process answer) and /health/ready (are all tables in step)",
    ],
    [
      "a state that fits",
      "POST",
      "/api/v1/pipelines/shop/resume",
      409,
      "MR_NOT_RUNNING",
      "pipeline shop is not running",
    ],
  ])(
    "answers with a problem document where there is not %s",
    async (_name, method, path, status, code, detail) => {
      const url = await serve([new PipelineInTests("shop", { state: "stopped" })]);
      const response = await fetch(`${url}${path}`, { method });
      expect(response.headers.get("content-type")).toBe("application/problem+json");
      expect(await response.json()).toMatchObject({
        type: `urn:millrace:error:${code}`,
        status,
        code,
        detail,
      });
      expect(response.status).toBe(status);
    },
  );

  it("describes every one of its routes, and no other", () => {
    const app = createApp({
      pipelines: [],
      metrics: new Metrics(),
      token: null,
      maxLagMs: 1,
      version: "1",
      watcher: new Watcher([]),
      closing: new AbortController().signal,
    });
    const routes = app.routes
      .filter(({ method }) => method !== "ALL")
      .map(({ method, path }) => `${method.toLowerCase()} ${path.replaceAll(/:(\w+)/g, "{$1}")}`);
    const described = Object.entries(openApi("1").paths as Record<string, object>).flatMap(
      ([path, methods]) => Object.keys(methods).map((method) => `${method} ${path}`),
    );
    expect(described.toSorted()).toEqual(routes.toSorted());
  });

  it("serves its description", async () => {
    const url = await serve([]);
    expect(await getJson(`${url}/api/v1/openapi.json`)).toMatchObject({
      openapi: "3.1.0",
      info: { version: "1.2.3" },
    });
  });
});

describe("health", () => {
  it("is live as soon as it answers", async () => {
    expect(await getJson(`${await serve([])}/health/live`)).toEqual({ live: true });
  });

  it("is ready when all tables are in SYNC and the lag is small", async () => {
    const response = await fetch(`${await serve([new PipelineInTests("shop")])}/health/ready`);
    expect([response.status, await response.json()]).toEqual([200, { ready: true, reasons: [] }]);
  });

  it("says why it is not ready", async () => {
    const pipelines = [
      new PipelineInTests("loading", {
        tables: [tableStatus("a", { state: "INIT_SYNC" }), tableStatus("b")],
      }),
      new PipelineInTests("late", { lagMs: 90_000 }),
      new PipelineInTests("new", { lagMs: null }),
      new PipelineInTests("broken", {
        state: "failed",
        error: { code: "MR_SOURCE_LOSS", message: "", remedy: "" },
      }),
    ];
    const response = await fetch(`${await serve(pipelines)}/health/ready`);
    expect([response.status, await response.json()]).toEqual([
      503,
      {
        ready: false,
        reasons: [
          "loading: 1 of 2 tables are not in SYNC",
          "late: its lag of 90 s is over 60 s",
          "new: its lag is not known yet",
          "broken is failed (MR_SOURCE_LOSS)",
        ],
      },
    ]);
  });
});

describe("who may ask", () => {
  it("refuses to listen where other machines reach it without a token", async () => {
    await expect(serve([], { host: "0.0.0.0" })).rejects.toThrow(
      "MR_LISTEN: other machines reach 0.0.0.0, so --listen needs --token-file with a bearer token",
    );
  });

  it("refuses a token that is too short to be one", async () => {
    const tokenFile = join(folder, "short");
    writeFileSync(tokenFile, "abc\n");
    await expect(serve([], { tokenFile })).rejects.toThrow(
      "must hold one token of at least 16 characters",
    );
  });

  it("wants the token for everything but health", async () => {
    const tokenFile = join(folder, "token");
    const token = "a-token-of-some-length";
    writeFileSync(tokenFile, `${token}\n`);
    const pipeline = new PipelineInTests("shop");
    const url = await serve([pipeline], { tokenFile, host: "0.0.0.0" });
    const local = url.replace("0.0.0.0", "127.0.0.1");
    const withToken = (given: string) =>
      fetch(`${local}/api/v1/pipelines/shop/pause`, {
        method: "POST",
        headers: { authorization: `Bearer ${given}` },
      });
    expect((await fetch(`${local}/metrics`)).status).toBe(401);
    expect((await fetch(`${local}/metrics`)).headers.get("www-authenticate")).toBe("Bearer");
    expect((await withToken(`${token}x`)).status).toBe(401);
    expect(pipeline.calls).toEqual([]);
    expect((await withToken(token)).status).toBe(200);
    expect(pipeline.calls).toEqual(["pause"]);
    expect((await fetch(`${local}/health/live`)).status).toBe(200);
  });

  it("refuses what a web page in the operator's browser could send", async () => {
    const pipeline = new PipelineInTests("shop");
    const url = await serve([pipeline]);
    const { host } = new URL(url);
    const stop = `${url}/api/v1/pipelines/shop/stop`;
    expect(await statusWith(stop, { host: "evil.example:8083" }, "POST")).toBe(401);
    expect(await statusWith(stop, { host, origin: "https://evil.example" }, "POST")).toBe(401);
    expect(await statusWith(stop, { host, origin: "null" }, "POST")).toBe(401);
    expect(pipeline.calls).toEqual([]);
    const embedded = { host, "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" };
    expect(await statusWith(`${url}/api/v1/events`, embedded, "HEAD")).toBe(401);
    expect(await statusWith(url, { ...embedded, "sec-fetch-mode": "navigate" })).toBe(200);
    expect(await statusWith(stop, { host, origin: `http://${host}` }, "POST")).toBe(200);
  });

  it("answers at every address of this machine alone", async () => {
    const url = await serve([], { host: "127.0.0.2" });
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
  });

  it("answers over TLS with a certificate of its own", async () => {
    const made = await generate([{ name: "commonName", value: "millrace" }], {
      extensions: [{ name: "subjectAltName", altNames: [{ type: 7, ip: "127.0.0.1" }] }],
    });
    const [tlsCert, tlsKey] = [join(folder, "cert.pem"), join(folder, "key.pem")];
    writeFileSync(tlsCert, made.cert);
    writeFileSync(tlsKey, made.private);
    const url = await serve([], { tlsCert, tlsKey });
    expect(url).toMatch(/^https:/);
    const status = await new Promise((resolve, reject) => {
      get(`${url}/health/live`, { ca: made.cert }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).on("error", reject);
    });
    expect(status).toBe(200);
    await expect(fetch(`${url.replace("https", "http")}/health/live`)).rejects.toThrow();
  });

  it("names the address that is taken", async () => {
    const { port } = new URL(await serve([]));
    await expect(serve([], { port: Number(port) })).rejects.toThrow(
      `MR_LISTEN: cannot listen at 127.0.0.1:${port}: another process listens there; perhaps this pipeline runs already (\`millrace status\`)`,
    );
  });

  it("names a certificate that cannot be read", async () => {
    const missing = join(folder, "missing.pem");
    await expect(serve([], { tlsCert: missing, tlsKey: missing })).rejects.toThrow(
      `--tls-cert ${missing} cannot be read (ENOENT)`,
    );
    await expect(serve([], { tlsCert: missing })).rejects.toThrow(
      "--tls-cert and --tls-key belong together",
    );
  });
});
