import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { setFailpointHandler } from "../../model/failpoint.ts";
import { tableId } from "../../model/table.ts";
import type { SinkServer } from "./sink-servers.fixture.ts";
import { SINK_SERVERS } from "./sink-servers.fixture.ts";
import type { SqlSink } from "./sql-sink.ts";

const [a, b] = [tableId("public", "a"), tableId("public", "b")];

describe.each(SINK_SERVERS)("targets on $name", ({ start }) => {
  let server: SinkServer;

  beforeAll(async () => {
    server = await start();
  });
  afterAll(() => server.stop());
  afterEach(async () => {
    setFailpointHandler(null);
    await server.query("DELETE FROM millrace.owner");
  });

  /** A pipeline that has taken over. */
  async function pipeline(name: string): Promise<SqlSink> {
    const sink = server.sink();
    await sink.open();
    await sink.takeOver({ pipeline: name, task: "0", lanes: 1 });
    return sink;
  }
  const owners = () =>
    server.query("SELECT target, pipelines, shared FROM millrace.owner ORDER BY target");

  it("belong to the pipeline that claims them first, until it names them no more", async () => {
    const [first, second] = [await pipeline("first"), await pipeline("second")];
    await first.claimTargets([a, b], false);
    await first.claimTargets([a, b], false);
    await expect(second.claimTargets([b], false)).rejects.toThrow(
      "MR_TARGET_OWNED: public.b belongs to pipeline first",
    );
    await expect(second.claimTargets([b], true)).rejects.toMatchObject({ class: "config" });
    await first.claimTargets([a], false);
    await second.claimTargets([b], false);
    expect(await owners()).toEqual([
      { target: "public.a", pipelines: '["first"]', shared: "f" },
      { target: "public.b", pipelines: '["second"]', shared: "f" },
    ]);
  });

  it("may have several owners that all say so", async () => {
    const [first, second] = [await pipeline("first"), await pipeline("second")];
    await first.claimTargets([a], true);
    await second.claimTargets([a], true);
    expect(await owners()).toEqual([
      { target: "public.a", pipelines: '["first","second"]', shared: "t" },
    ]);
    await expect(first.claimTargets([a], false)).rejects.toThrow("belongs to pipeline second");
  });

  it("go to one of many that claim them at the same time", async () => {
    const names = ["p1", "p2", "p3", "p4"];
    const sinks = await Promise.all(names.map(pipeline));
    const claims = await Promise.allSettled(sinks.map((sink) => sink.claimTargets([a, b], false)));
    expect(claims.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const winner = names[claims.findIndex(({ status }) => status === "fulfilled")];
    expect((await owners()).map(({ pipelines }) => pipelines)).toEqual([
      `["${winner}"]`,
      `["${winner}"]`,
    ]);
  });

  it("are not claimed by a task that has been taken over, nor by one that dies in between", async () => {
    const zombie = await pipeline("fenced");
    const heir = await pipeline("fenced");
    await expect(zombie.claimTargets([a], false)).rejects.toMatchObject({ code: "MR_FENCED" });
    setFailpointHandler((name) => {
      if (name === "sink.targets-claimed") throw new Error("died");
    });
    await expect(heir.claimTargets([a], false)).rejects.toThrow();
    setFailpointHandler(null);
    expect(await owners()).toEqual([]);
    await heir.claimTargets([a], false);
    expect(await owners()).toHaveLength(1);
  });
});
