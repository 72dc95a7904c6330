import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { setFailpointHandler } from "../../model/failpoint.ts";
import type { TargetTable } from "../../model/table.ts";
import type { SinkServer } from "./sink-servers.fixture.ts";
import { BIGINT, SINK_SERVERS, TEXT, commitOf, send, shapeOf } from "./sink-servers.fixture.ts";
import type { SqlSink } from "./sql-sink.ts";

/** A wire between sink and server that can be cut, and can keep the server's answers back before that. */
class Wire {
  readonly port: number;
  readonly #server: Server;
  readonly #pairs = new Set<readonly [client: Socket, server: Socket]>();
  /** Answers are thrown away: what the server does stays unknown to the sink. */
  deaf = false;

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  static async to(host: string, port: number): Promise<Wire> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const wire = new Wire(server);
    server.on("connection", (client) => wire.#join(client, connect(port, host)));
    return wire;
  }

  #join(client: Socket, upstream: Socket): void {
    this.#pairs.add([client, upstream]);
    client.on("data", (bytes) => upstream.write(bytes));
    upstream.on("data", (bytes) => {
      if (!this.deaf) client.write(bytes);
    });
    for (const socket of [client, upstream]) socket.on("error", () => {});
    client.on("close", () => upstream.destroy());
    upstream.on("close", () => client.destroy());
  }

  /** Cuts all connections. */
  cut(): void {
    for (const [client] of this.#pairs) client.destroy();
    this.#pairs.clear();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

describe.each(SINK_SERVERS)("the fence on $name", ({ start }) => {
  let server: SinkServer;
  let wire: Wire;
  let number = 0;
  let task: { pipeline: string; task: string; lanes: number };
  let table: TargetTable;
  let owner: SqlSink;

  beforeAll(async () => {
    server = await start();
    wire = await Wire.to(server.host, server.port);
  });
  afterAll(async () => {
    await wire.close();
    await server.stop();
  });
  beforeEach(async () => {
    task = { pipeline: `p${++number}`, task: "0", lanes: 2 };
    owner = server.sink();
    await owner.open();
    table = owner.mapTable(shapeOf("orders", { id: BIGINT, note: TEXT }), {
      schema: "public",
      name: `orders${number}`,
    });
    await owner.checkTable(table, "if-missing");
  });
  afterEach(() => setFailpointHandler(null));

  const upsert = (id: string, note = "x") =>
    ({ kind: "upsert", table, rows: [[id, note]] }) as const;
  const rows = () => server.query(`SELECT id, note FROM orders${number} ORDER BY id`);

  /** A sink whose wire can be cut. */
  async function fragile(): Promise<SqlSink> {
    const sink = server.sink({ host: "127.0.0.1", port: wire.port });
    await sink.open();
    return sink;
  }

  it("begins at 1, grows with every takeover, and gives state back", async () => {
    const first = await owner.takeOver(task);
    expect(first).toMatchObject({
      fence: 1,
      lanes: [
        { lane: 0, fence: 1, seq: 0 },
        { lane: 1, fence: 1, seq: 0 },
      ],
    });
    await send(
      owner,
      commitOf(
        1,
        [{ lane: 1, expectedSeq: 0 }],
        [],
        [{ key: "frontier/log", value: { lsn: "0/1" } }],
      ),
    );
    const next = server.sink();
    await next.open();
    const second = await next.takeOver({ ...task, lanes: 3 });
    expect(second.fence).toBe(2);
    expect(second.lanes.map(({ lane, seq }) => [lane, seq])).toEqual([
      [0, 0],
      [1, 1],
      [2, 0],
    ]);
    expect(second.state).toEqual(new Map([["frontier/log", { lsn: "0/1" }]]));
  });

  it("keeps a zombie from writing anything (I5)", async () => {
    const zombie = server.sink();
    await zombie.open();
    const { fence } = await zombie.takeOver(task);
    await owner.takeOver(task);
    const late = send(
      zombie,
      commitOf(fence, 0, [upsert("1", "late")], [{ key: "frontier", value: "late" }]),
    );
    await expect(late).rejects.toMatchObject({
      code: "MR_SINK_LANE_MOVED",
      class: "unknown-outcome",
    });
    expect(await rows()).toEqual([]);
    expect((await owner.takeOver(task)).state.size).toBe(0);
  });

  it("keeps a zombie from a commit whose counts are looked at first", async () => {
    const { fence } = await owner.takeOver(task);
    await send(owner, commitOf(fence, 0, [upsert("1", "kept")]));
    const next = server.sink();
    await next.open();
    await next.takeOver(task);
    const late = send(owner, commitOf(fence, 1, [{ kind: "delete-some", table, maxRows: 10 }], []));
    await expect(late).rejects.toMatchObject({ code: "MR_SINK_LANE_MOVED" });
    expect(await rows()).toEqual([{ id: "1", note: "kept" }]);
  });

  it("keeps a zombie from DDL", async () => {
    await owner.takeOver(task);
    const next = server.sink();
    await next.open();
    await next.takeOver(task);
    const drop = owner.applyChange({ kind: "drop", table, tag: "1" });
    await expect(drop).rejects.toMatchObject({ code: "MR_FENCED" });
    expect(await rows()).toEqual([]);
  });

  it("keeps the same batch from landing twice", async () => {
    const { fence } = await owner.takeOver(task);
    const commit = commitOf(fence, 0, [upsert("1", "once")]);
    await send(owner, commit);
    await server.query(`DELETE FROM orders${number}`);
    await expect(send(owner, commit)).rejects.toMatchObject({ code: "MR_SINK_LANE_MOVED" });
    expect(await rows()).toEqual([]);
  });

  it("moves several lanes together or none", async () => {
    const { fence } = await owner.takeOver(task);
    await send(owner, commitOf(fence, 0));
    const stale = [
      { lane: 0, expectedSeq: 0 },
      { lane: 1, expectedSeq: 0 },
    ];
    await expect(send(owner, commitOf(fence, stale, [upsert("1")]))).rejects.toMatchObject({
      code: "MR_SINK_LANE_MOVED",
    });
    await send(
      owner,
      commitOf(
        fence,
        [
          { lane: 0, expectedSeq: 1 },
          { lane: 1, expectedSeq: 0 },
        ],
        [upsert("2")],
      ),
    );
    expect((await owner.readLanes()).map(({ seq }) => seq)).toEqual([2, 1]);
    expect(await rows()).toEqual([{ id: "2", note: "x" }]);
  });

  it.each([
    ["one lane, COMMIT sent along", [{ lane: 0, expectedSeq: 0 }], [{ key: "frontier", value: 1 }]],
    ["one lane, COMMIT held back", [{ lane: 0, expectedSeq: 0 }], []],
    [
      "two lanes",
      [
        { lane: 0, expectedSeq: 0 },
        { lane: 1, expectedSeq: 0 },
      ],
      [{ key: "frontier", value: 1 }],
    ],
  ])("takes a lane row that is gone for an error: %s", async (_, lanes, state) => {
    const { fence } = await owner.takeOver(task);
    await server.query("DELETE FROM millrace.lane WHERE pipeline = $1 AND lane = 0", [
      task.pipeline,
    ]);
    await expect(send(owner, commitOf(fence, lanes, [upsert("1")], state))).rejects.toMatchObject({
      code: "MR_SINK_LANE_MISSING",
    });
    expect(await rows()).toEqual([]);
  });

  it("draws different fences for takeovers at the same moment", async () => {
    const others = [server.sink(), server.sink(), server.sink()];
    await Promise.all(others.map((sink) => sink.open()));
    const settled = await Promise.allSettled([owner, ...others].map((sink) => sink.takeOver(task)));
    const fences = settled.flatMap((one) => (one.status === "fulfilled" ? [one.value.fence] : []));
    for (const one of settled)
      if (one.status === "rejected") expect(one.reason).toMatchObject({ code: "MR_FENCED" });
    expect(fences.length).toBeGreaterThan(0);
    expect(new Set(fences).size).toBe(fences.length);
    const last = server.sink();
    await last.open();
    expect((await last.takeOver(task)).fence).toBeGreaterThan(Math.max(...fences));
  });

  it("leaves the outcome of a COMMIT unknown whose answer is lost, and the lane row tells that it landed (I6)", async () => {
    const sink = await fragile();
    const { fence } = await sink.takeOver(task);
    await send(sink, commitOf(fence, 0, [upsert("0")]));
    setFailpointHandler((name) => {
      if (name === "sink.before-commit") wire.deaf = true;
    });
    const lost = sink.commit(commitOf(fence, 1, [upsert("1")]));
    lost.catch(() => {});
    await expect.poll(rows).toHaveLength(2);
    wire.cut();
    wire.deaf = false;
    await expect(lost).rejects.toMatchObject({
      code: "MR_SINK_UNKNOWN_COMMIT",
      class: "unknown-outcome",
    });
    expect((await sink.readLanes())[0]).toEqual({ lane: 0, fence, seq: 2 });
  });

  it("leaves it unknown, too, where the COMMIT never arrived: the same batch is sent again", async () => {
    const sink = await fragile();
    const { fence } = await sink.takeOver(task);
    setFailpointHandler((name) => {
      if (name === "sink.commit-sent") wire.cut();
    });
    const commit = commitOf(fence, 0, [upsert("1")]);
    await expect(sink.commit(commit)).rejects.toMatchObject({ code: "MR_SINK_UNKNOWN_COMMIT" });
    setFailpointHandler(null);
    const [lane] = await sink.readLanes();
    if (lane?.seq === 0) await send(sink, commit);
    expect((await sink.readLanes())[0]?.seq).toBe(1);
    expect(await rows()).toEqual([{ id: "1", note: "x" }]);
  });

  it("knows that nothing landed where the connection was lost before COMMIT was sent", async () => {
    const sink = await fragile();
    const { fence } = await sink.takeOver(task);
    await send(sink, commitOf(fence, 0, [upsert("1")]));
    setFailpointHandler((name) => {
      if (name === "sink.before-commit") wire.deaf = true;
    });
    const move = { kind: "delete-some", table, maxRows: 5 } as const;
    const lost = sink.commit(commitOf(fence, 1, [move]));
    lost.catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 100));
    wire.cut();
    wire.deaf = false;
    await expect(lost).rejects.toMatchObject({
      code: "MR_SINK_LOST_CONNECTION",
      class: "transient",
    });
    expect(await rows()).toHaveLength(1);
  });

  it("raises the fence again where the answer to its own COMMIT is lost", async () => {
    const sink = await fragile();
    let once = true;
    setFailpointHandler((name) => {
      if (name !== "sink.before-takeover-commit" || !once) return;
      once = false;
      wire.deaf = true;
      setTimeout(() => {
        wire.cut();
        wire.deaf = false;
      }, 200);
    });
    const { fence, lanes } = await sink.takeOver(task);
    expect(once).toBe(false);
    expect(fence).toBe(2);
    expect(lanes.map((lane) => lane.fence)).toEqual([2, 2]);
  });
});
