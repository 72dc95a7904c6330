import { afterEach, describe, expect, it } from "vitest";
import { Metrics } from "../observe/metrics.ts";
import { startServer, type Server } from "./listener.ts";
import { PipelineInTests, tableStatus } from "./served-pipeline.fixture.ts";

const open: Server[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

/** Does not begin a load before it is resumed, as a paused one. */
class PausedInTests extends PipelineInTests {
  override async resync(table: string): Promise<void> {
    if (this.current.state === "paused") await new Promise<never>(() => undefined);
    return super.resync(table);
  }
}

async function serve(pipeline: PipelineInTests): Promise<string> {
  const server = await startServer({
    pipelines: [pipeline],
    metrics: new Metrics(),
    version: "1.2.3",
    listen: { host: "127.0.0.1", port: 0 },
  });
  open.push(server);
  return `${server.url}/api/v1/pipelines/shop`;
}

const post = async (url: string) => {
  const response = await fetch(url, { method: "POST" });
  return [response.status, await response.json()] as const;
};

describe("a resync", () => {
  it("of a paused pipeline is accepted at once, and says that it begins after the resume", async () => {
    const url = await serve(new PausedInTests("shop", { state: "paused" }));
    const began = performance.now();
    const [status, body] = await post(`${url}/tables/public.orders/resync`);
    expect([status, body]).toMatchObject([
      202,
      { id: "public.orders", pending: "begins after resume" },
    ]);
    expect(performance.now() - began).toBeLessThan(2_000);
  });

  it("takes the table as the pipeline file spells it, with its database", async () => {
    const pipeline = new PipelineInTests("shop");
    const url = await serve(pipeline);
    expect(await post(`${url}/tables/lab.public.orders/resync`)).toMatchObject([
      200,
      { id: "public.orders", state: "INIT_SYNC" },
    ]);
    expect(pipeline.calls).toEqual(["resync public.orders"]);
  });

  it("of a name that is none tells the tables that are near", async () => {
    const tables = [tableStatus("orders"), tableStatus("customers")];
    const url = await serve(new PipelineInTests("shop", { tables }));
    expect(await post(`${url}/tables/app.orders/resync`)).toMatchObject([
      404,
      { detail: "pipeline shop has no table app.orders; it has public.orders" },
    ]);
    for (const name of ["order", "public.order", "pubic.ordres"]) {
      expect(await post(`${url}/tables/${name}/resync`)).toMatchObject([
        404,
        {
          detail: `pipeline shop has no table ${name}; it has public.orders`,
          remedy: "Give the whole name, as it stands here.",
        },
      ]);
    }
    expect(await post(`${url}/tables/public.nothing/pause`)).toMatchObject([
      404,
      { detail: "pipeline shop has no table public.nothing" },
    ]);
  });
});

describe("a table", () => {
  it("is paused and resumed by its name", async () => {
    const pipeline = new PipelineInTests("shop");
    const url = await serve(pipeline);
    expect(await post(`${url}/tables/public.orders/pause`)).toMatchObject([
      200,
      { paused: { atMs: 7 } },
    ]);
    expect(await post(`${url}/tables/public.orders/resume`)).toMatchObject([200, { paused: null }]);
    expect(await post(`${url}/tables/public.none/pause`)).toMatchObject([
      404,
      { code: "MR_NOT_FOUND" },
    ]);
    expect(pipeline.calls).toEqual(["pause public.orders", "resume public.orders"]);
  });
});

describe("a reload", () => {
  it("tells what came of it", async () => {
    const pipeline = new PipelineInTests("shop");
    const url = await serve(pipeline);
    expect(await post(`${url}/reload`)).toMatchObject([
      200,
      { came: ["public.customers"], changed: true },
    ]);
    expect(pipeline.calls).toEqual(["reload"]);
  });
});
