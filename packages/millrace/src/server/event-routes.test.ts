import { connect } from "node:net";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { Metrics } from "../observe/metrics.ts";
import { startServer, type Server } from "./listener.ts";
import { PipelineInTests, tableStatus } from "./served-pipeline.fixture.ts";

let server: Server | null = null;
afterEach(async () => {
  await server?.close();
  server = null;
});

async function serve(
  pipelines: readonly PipelineInTests[],
  { tokenFile, beatMs }: { tokenFile?: string; beatMs?: number } = {},
): Promise<string> {
  server = await startServer({
    ...(beatMs === undefined ? {} : { beatMs }),
    pipelines,
    metrics: new Metrics(),
    version: "1.2.3",
    listen: { host: "127.0.0.1", port: 0, ...(tokenFile === undefined ? {} : { tokenFile }) },
  });
  return server.url;
}

/** Blocks of a stream of server-sent events, as they come. */
async function* blocks(response: Response): AsyncGenerator<string, void> {
  let rest = "";
  for await (const part of response.body ?? []) {
    const all = (rest + Buffer.from(part).toString()).split("\n\n");
    rest = all.pop() ?? "";
    yield* all;
  }
}

async function next(stream: AsyncGenerator<string, void>): Promise<string> {
  return (await stream.next()).value ?? "";
}

describe("events over HTTP", () => {
  it("are told as they happen, of all pipelines or of one", async () => {
    const [shop, stock] = [new PipelineInTests("shop"), new PipelineInTests("stock")];
    const url = await serve([shop, stock]);
    const all = blocks(await fetch(`${url}/api/v1/events`));
    const one = blocks(await fetch(`${url}/api/v1/events?pipeline=stock`));
    shop.tell({ type: "notice", message: "hello" }, 5);
    stock.tell({ type: "caught-up" }, 6);
    const told = (event: object, type: string) => `event: ${type}\ndata: ${JSON.stringify(event)}`;
    const notice = { pipeline: "shop", atMs: 5, type: "notice", message: "hello" };
    const caughtUp = { pipeline: "stock", atMs: 6, type: "caught-up" };
    expect(await next(all)).toBe(told(notice, "notice"));
    expect(await next(all)).toBe(told(caughtUp, "caught-up"));
    expect(await next(one)).toBe(told(caughtUp, "caught-up"));
    expect((await fetch(`${url}/api/v1/events?pipeline=none`)).status).toBe(404);
  });

  it("end with the listener, and no more listen than it serves", async () => {
    const url = await serve([new PipelineInTests("shop")]);
    const streams = await Promise.all(
      Array.from({ length: 64 }, () => fetch(`${url}/api/v1/events`)),
    );
    const refused = await fetch(`${url}/dashboard/live`);
    expect([refused.status, await refused.json()]).toMatchObject([
      503,
      { code: "MR_TOO_MANY_LISTENERS" },
    ]);
    const texts = Promise.all(streams.map((stream) => stream.text()));
    await server?.close();
    expect(new Set(await texts)).toEqual(new Set([""])); // ended, not cut off
  });

  it("go on for those who listen when a pipeline was started again", async () => {
    const [shop, stock] = [new PipelineInTests("shop"), new PipelineInTests("stock")];
    const url = await serve([shop, stock]);
    const all = blocks(await fetch(`${url}/api/v1/events`));
    shop.end();
    shop.tell({ type: "state", state: "starting" });
    expect(await next(all)).toContain('"starting"');
    const live = blocks(await fetch(`${url}/dashboard/live`));
    expect(await next(live)).toContain("starting");
  });

  it("take no place where only their head is asked for", async () => {
    const url = await serve([new PipelineInTests("shop")]);
    for (let i = 0; i < 70; i++)
      expect((await fetch(`${url}/api/v1/events`, { method: "HEAD" })).status).toBe(200);
    expect((await fetch(`${url}/dashboard/live`)).status).toBe(200);
  });

  it("cut off whoever reads nothing", async () => {
    const shop = new PipelineInTests("shop");
    const url = await serve([shop], { beatMs: 50 });
    const stalled = connect(Number(new URL(url).port), "127.0.0.1");
    const cut = new Promise((resolve) => stalled.once("close", resolve));
    stalled.on("error", () => undefined);
    stalled.write("GET /api/v1/events HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n");
    await new Promise((resolve) => stalled.once("readable", resolve)); // and nothing is read after that
    const message = "x".repeat(1_000_000);
    for (let i = 0; i < 40; i++) shop.tell({ type: "notice", message });
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    stalled.resume(); // it gets what was on its way, and then the end
    await expect(cut).resolves.toBeDefined();
  });

  it("make room when a listener leaves", async () => {
    const url = await serve([new PipelineInTests("shop")]);
    for (let i = 0; i < 70; i++) {
      const leave = new AbortController();
      const open = async () =>
        (await fetch(`${url}/api/v1/events`, { signal: leave.signal })).status;
      await expect.poll(open, { timeout: 20_000 }).toBe(200);
      leave.abort();
    }
  });
});

describe("the dashboard over HTTP", () => {
  it("is a page that draws what a stream tells", async () => {
    const shop = new PipelineInTests("shop", { tables: [tableStatus("orders")] });
    const url = await serve([shop]);
    const page = await fetch(url);
    expect(page.headers.get("content-type")).toContain("text/html");
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(await page.text()).toContain("/dashboard/live");
    shop.tell({ type: "notice", message: "something happened" });
    const live = blocks(await fetch(`${url}/dashboard/live`));
    const first = JSON.parse((await next(live)).slice("data: ".length)) as string;
    expect(first).toContain("public.orders");
    expect(first).toContain("something happened");
    shop.current = { ...shop.current, tables: [tableStatus("customers")] };
    const second = JSON.parse((await next(live)).slice("data: ".length)) as string;
    expect(second).toContain("public.customers");
  });

  it("asks for the token: the page has nothing of the pipelines, the stream wants it", async () => {
    const folder = mkdtempSync(join(tmpdir(), "millrace-token-"));
    const tokenFile = join(folder, "token");
    writeFileSync(tokenFile, "a-token-of-some-length");
    const url = await serve([new PipelineInTests("shop")], { tokenFile });
    const page = await fetch(url);
    expect(page.status).toBe(200);
    expect(await page.text()).not.toContain("shop");
    expect((await fetch(`${url}/dashboard/live`)).status).toBe(401);
    expect((await fetch(`${url}/api/v1/events`)).status).toBe(401);
    const headers = { authorization: "Bearer a-token-of-some-length" };
    expect(await next(blocks(await fetch(`${url}/dashboard/live`, { headers })))).toContain("shop");
    rmSync(folder, { recursive: true });
  });
});
