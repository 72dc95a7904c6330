import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { tableId } from "../model/table.ts";
import { Metrics } from "../observe/metrics.ts";
import { startServer } from "./listener.ts";
import type { Server } from "./listener.ts";
import { deadLetter, PipelineInTests } from "./served-pipeline.fixture.ts";

const items = tableId("public", "items");
let server: Server;
let pipeline: PipelineInTests;
let base: string;

beforeEach(async () => {
  pipeline = new PipelineInTests("shop");
  pipeline.letters = [
    deadLetter("aa11"),
    deadLetter("aa22", { table: items, target: items }),
    deadLetter("bb33", { op: "d" }),
  ];
  const listen = { host: "127.0.0.1", port: 0 };
  server = await startServer({
    pipelines: [pipeline],
    metrics: new Metrics(),
    version: "1",
    listen,
  });
  base = `${server.url}/api/v1/pipelines/shop/dead-letters`;
});
afterEach(() => server.close());

async function ask(path: string, method = "GET"): Promise<readonly [number, unknown]> {
  const response = await fetch(`${base}${path}`, { method });
  return [response.status, await response.json()];
}

describe("dead letters over HTTP", () => {
  it("are told, all of them or those of a table, with their keys", async () => {
    expect(await ask("")).toMatchObject([
      200,
      { deadLetters: [{ id: "aa11", keyColumns: { id: "42" } }, { id: "aa22" }, { id: "bb33" }] },
    ]);
    expect(await ask("?table=public.items")).toMatchObject([
      200,
      { deadLetters: [{ id: "aa22" }] },
    ]);
    expect(await ask("/bb")).toMatchObject([200, { id: "bb33", column: "total" }]);
  });

  it("are replayed and discarded one by one, by the beginning of an id too", async () => {
    expect(await ask("/aa1/replay", "POST")).toMatchObject([
      200,
      { id: "aa11", outcome: "replayed" },
    ]);
    expect(await ask("/aa22/discard", "POST")).toMatchObject([200, { id: "aa22" }]);
    expect(pipeline.calls).toEqual(["replay aa11", "discard aa22"]);
  });

  it("are settled together only where it is said which", async () => {
    expect(await ask("/replay?table=public.orders", "POST")).toMatchObject([
      200,
      { outcomes: [{ id: "aa11" }, { id: "bb33", outcome: "impossible" }] },
    ]);
    expect(await ask("/discard?all=true", "POST")).toMatchObject([
      200,
      { deadLetters: [{ id: "aa11" }, { id: "aa22" }, { id: "bb33" }] },
    ]);
    for (const path of ["/replay", "/discard", "/discard?all="])
      expect(await ask(path, "POST")).toMatchObject([409, { code: "MR_USAGE" }]);
    expect(pipeline.calls).toEqual(["replay aa11 bb33", "discard aa11 aa22 bb33"]);
  });

  it.each([
    ["/zz", "GET", 404, "MR_NOT_FOUND", "there is no dead letter zz"],
    ["/aa", "GET", 404, "MR_NOT_FOUND", "2 dead letters begin with aa"],
    ["/zz/discard", "POST", 404, "MR_NOT_FOUND", "there is no dead letter zz"],
    ["/bb33/replay", "POST", 422, "MR_REPLAY_IMPOSSIBLE", "the table has no key"],
  ])("%s is refused with a reason", async (path, method, status, code, detail) => {
    expect(await ask(path, method)).toMatchObject([status, { code, detail }]);
  });
});
