import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import { beforeEach, describe, expect, it } from "vitest";
import { OC000, OC001, outcome, refusal } from "../testing/clients.ts";
import { testCluster } from "../testing/test-cluster.ts";

const cluster = testCluster({ control: "127.0.0.1:0" });
let client: pg.Client;
let watcher: pg.Client;

beforeEach(async () => {
  client = await cluster.connect({ application_name: "victim" });
  watcher = await cluster.connect();
  await client.query("create table t (id int primary key, v int)");
  await client.query("insert into t values (1, 10)");
});

async function transaction(next: number): Promise<string> {
  const begun = await outcome(client.query("begin"));
  if (begun !== "ok") return begun;
  await client.query("update t set v = $1 where id = 1", [next]);
  return outcome(client.query("commit"));
}

async function value(): Promise<number> {
  const result = await watcher.query<{ v: number }>("select v from t where id = 1");
  return result.rows[0]?.v ?? -1;
}

/** What a query of a client that is cut ends with. */
async function cutMessage(query: Promise<unknown>): Promise<string> {
  return query.then(
    () => "answered",
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

const CUT = "Connection terminated unexpectedly";

describe("a conflict switched on", () => {
  it("strikes at the nth COMMIT, as often as asked, and keeps nothing", async () => {
    cluster.control.inject({ kind: "conflict", code: "OC000", nth: 2, times: 2 });
    const results: string[] = [];
    for (let i = 1; i <= 4; i++) results.push(await transaction(i));
    expect(results).toEqual(["ok", OC000, OC000, "ok"]);
    expect(await value()).toBe(4);
    expect(cluster.control.faults()).toMatchObject([{ struck: 2 }]);
    expect(cluster.control.counters()).toMatchObject({ conflictsOC000: 2 });
  });

  it("strikes single statements too, and not reads", async () => {
    cluster.control.inject({ kind: "conflict", code: "OC001" });
    await client.query("begin");
    await client.query("select 1");
    await client.query("commit");
    expect(await outcome(client.query("update t set v = 5"))).toBe(OC001);
    expect(await value()).toBe(10);
  });

  it("leaves other applications alone", async () => {
    cluster.control.inject({ kind: "conflict", code: "OC000", applicationName: "victim" });
    expect(await outcome(watcher.query("update t set v = 6"))).toBe("ok");
    expect(await transaction(7)).toBe(OC000);
  });
});

describe("a connection cut at COMMIT", () => {
  it("before it is applied: nothing stays", async () => {
    cluster.control.inject({ kind: "cut", when: "before" });
    await client.query("begin");
    await client.query("update t set v = 11");
    expect(await cutMessage(client.query("commit"))).toBe(CUT);
    expect(await value()).toBe(10);
    expect(await outcome(watcher.query("update t set v = 12"))).toBe("ok");
  });

  it("after it is applied: all stays, unanswered", async () => {
    cluster.control.inject({ kind: "cut", when: "after" });
    expect(await cutMessage(client.query("update t set v = 11"))).toBe(CUT);
    expect(await value()).toBe(11);
  });

  it("late: the client sees the cut, then it is applied", async () => {
    cluster.control.inject({ kind: "cut", when: "late", lateMs: 3_000 });
    await client.query("begin");
    await client.query("update t set v = 11");
    expect(await cutMessage(client.query("commit"))).toBe(CUT);
    expect(await value()).toBe(10);
    await expect.poll(value, { timeout: 60_000 }).toBe(11);
  });

  it("late: another's commit in between wins", async () => {
    cluster.control.inject({ kind: "cut", when: "late", lateMs: 3_000 });
    await client.query("begin");
    await client.query("update t set v = 11");
    expect(await cutMessage(client.query("commit"))).toBe(CUT);
    expect(await outcome(watcher.query("update t set v = 12"))).toBe("ok");
    await expect.poll(() => cluster.control.counters().conflictsOC000, { timeout: 60_000 }).toBe(1);
    expect(await value()).toBe(12);
  });
});

describe("slowness", () => {
  it("of a COMMIT holds nobody up", async () => {
    cluster.control.inject({ kind: "slow-commit", delayMs: 2_000 });
    await client.query("begin");
    await client.query("update t set v = 11");
    const startedMs = performance.now();
    const ended: string[] = [];
    const committing = outcome(client.query("commit")).finally(() => ended.push("commit"));
    await sleep(20);
    expect(await outcome(watcher.query("update t set v = 12"))).toBe("ok");
    ended.push("update");
    expect(await committing).toBe(OC000);
    expect(ended).toEqual(["update", "commit"]);
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(1_995);
  });

  it("of statements goes by their text", async () => {
    cluster.control.inject({ kind: "slow-statement", delayMs: 2_000, match: "^update" });
    await client.query("select 1");
    expect(cluster.control.faults()).toMatchObject([{ struck: 0 }]);
    const startedMs = performance.now();
    await client.query("update t set v = 1");
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(1_995);
    expect(cluster.control.faults()).toMatchObject([{ struck: 1 }]);
  });
});

describe("a distance", () => {
  /** Who waits for it gets no answer before its test is given up. */
  const ENDLESS_MS = 3_600_000;

  const took = async (work: () => Promise<unknown>): Promise<number> => {
    const startedMs = performance.now();
    await work();
    return performance.now() - startedMs;
  };

  it("is between each statement and its answer, and longer at COMMIT of what wrote", async () => {
    cluster.control.setDelays({ statementMs: 30, commitMs: 1_000 });
    expect(await took(() => client.query("select 1"))).toBeGreaterThanOrEqual(29);
    expect(await took(() => transaction(11))).toBeGreaterThanOrEqual(1_058);
    expect(await took(() => client.query("update t set v = 12"))).toBeGreaterThanOrEqual(1_028);
    cluster.control.setDelays({ statementMs: 0, commitMs: ENDLESS_MS });
    await client.query("begin");
    await client.query("select 1");
    expect(await outcome(client.query("commit"))).toBe("ok");
  });

  it("is travelled by connections beside one another", async () => {
    const begun = Promise.withResolvers<undefined>();
    cluster.control.setDelays({
      get statementMs() {
        begun.resolve(undefined);
        return ENDLESS_MS;
      },
      commitMs: 0,
    });
    const answered: string[] = [];
    const far = outcome(client.query("select 1")).then(() => answered.push("far"));
    await begun.promise;
    cluster.control.setDelays({ statementMs: 30, commitMs: 0 });
    await watcher.query("select 1");
    expect(answered).toEqual([]);
    cluster.control.cutConnections();
    await far.catch(() => undefined);
  });

  it("is set at the control port, and gone with a reset", async () => {
    const set = (body: unknown): Promise<Response> =>
      fetch(`${cluster.controlUrl}/delays`, { method: "POST", body: JSON.stringify(body) });
    expect((await set({ statementMs: 1_000 })).status).toBe(200);
    expect(await took(() => client.query("select 1"))).toBeGreaterThanOrEqual(999);
    expect((await set({ commitMs: "far" })).status).toBe(400);
    expect((await set({ statementMs: ENDLESS_MS })).status).toBe(200);
    await cluster.control.reset();
    expect(await outcome(client.query("select 1"))).toBe("ok");
  });
});

describe("refusals", () => {
  it("let a cluster wake up", async () => {
    cluster.control.inject({ kind: "refuse-connect", code: "waking-up" });
    expect(await refusal(cluster.connect())).toMatchObject({
      severity: "FATAL",
      message: "unable to accept connection, waking up cluster, please retry later",
    });
    await cluster.connect();
  });

  it("turn away connections", async () => {
    cluster.control.inject({ kind: "refuse-connect", code: "53400" });
    const refused = await refusal(cluster.connect());
    expect(refused).toMatchObject({
      severity: "FATAL",
      code: "53400",
      message: "Unable to accept connection, rate exceeded.",
    });
    await cluster.connect();
  });

  it("make the server unavailable for a statement, and leave the connection", async () => {
    cluster.control.inject({ kind: "unavailable" });
    await client.query("begin");
    expect(await refusal(client.query("select 1"))).toMatchObject({
      severity: "ERROR",
      code: "XX000",
      message: "server unavailable",
    });
    expect(await refusal(client.query("select 1"))).toMatchObject({ code: "25P02" });
    expect((await client.query("rollback")).command).toBe("ROLLBACK");
  });

  it("make the server unavailable at a COMMIT, which is applied or is not", async () => {
    for (const [when, rows] of [["before", 0], ["after", 1]] as const) {
      cluster.control.inject({ kind: "unavailable", when });
      await client.query("select 1");
      expect(await refusal(client.query("insert into t values (77, 0)"))).toMatchObject({ code: "XX000" });
      expect((await client.query("delete from t where id = 77")).rowCount).toBe(rows);
    } // prettier-ignore
  });

  it("cut everybody on demand", async () => {
    const gone = new Promise((resolve) => client.once("end", resolve));
    cluster.control.cutConnections();
    await gone;
    expect(cluster.control.counters().openConnections).toBe(0);
  });
});

describe("a connection's life", () => {
  it("ends silently after an hour, but not inside a transaction of its last minutes", async () => {
    await watcher.query("begin");
    await watcher.query("update t set v = 13");
    const gone = new Promise((resolve) => client.once("end", resolve));
    cluster.control.shiftClock(3_600_500);
    await gone;
    expect(await outcome(watcher.query("select 1"))).toMatch(/^54000 transaction age limit/);
  });
});

describe("the control port", () => {
  async function call(method: string, path: string, body?: unknown): Promise<[number, unknown]> {
    const response = await fetch(`${cluster.controlUrl}${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return [response.status, await response.json()];
  }

  it("switches faults on and off", async () => {
    const [status, added] = await call("POST", "/faults", { kind: "conflict", code: "OC000" });
    expect([status, added]).toEqual([201, { id: expect.any(Number) }]);
    expect(await transaction(1)).toBe(OC000);
    expect(await call("GET", "/faults")).toEqual([
      200,
      [{ id: expect.any(Number), fault: { kind: "conflict", code: "OC000" }, struck: 1 }],
    ]);
    expect(await call("DELETE", "/faults")).toEqual([200, {}]);
    expect(await call("GET", "/faults")).toEqual([200, []]);
  });

  it("says what is wrong with a fault", async () => {
    expect(await call("POST", "/faults", { kind: "flood" })).toEqual([
      400,
      {
        error:
          "kind must be one of conflict, cut, slow-commit, slow-statement, unavailable, refuse-connect",
      },
    ]);
    expect((await call("POST", "/faults", { kind: "slow-commit" }))[0]).toBe(400);
    expect((await call("POST", "/faults", { kind: "unavailable", match: "(" }))[0]).toBe(400);
    expect((await call("GET", "/nothing"))[0]).toBe(404);
  });

  it("describes itself, each route with what it takes", async () => {
    const [status, document] = await call("GET", "/openapi.json");
    expect(status).toBe(200);
    expect(document).toMatchObject({
      openapi: "3.1.0",
      paths: {
        "/faults": { get: {}, post: { requestBody: {} }, delete: {} },
        "/faults/{id}": { delete: { parameters: [{ name: "id" }] } },
        "/limits": { post: { requestBody: {} } },
        "/throughput": { post: {} },
      },
    });
  });

  it("counts what a transaction costs", async () => {
    const before = cluster.control.counters();
    expect(await transaction(11)).toBe("ok");
    const { dpuWrite, dpuRead, transactions, bytesWritten } = cluster.control.counters();
    expect(dpuWrite - before.dpuWrite).toBeCloseTo(0.05, 5);
    expect(dpuRead - before.dpuRead).toBeCloseTo(0.003_75, 5);
    expect(transactions - before.transactions).toBe(1);
    expect(bytesWritten - before.bytesWritten).toBe(128);
  });

  it("lets a cold table take only so many rows a second", async () => {
    const [status] = await call("POST", "/throughput", { rowsPerSecond: 10 });
    expect(status).toBe(200);
    const startedMs = performance.now();
    expect(await transaction(11)).toBe("ok");
    expect(await transaction(12)).toBe("ok");
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(190);
    expect((await call("POST", "/throughput", {}))[0]).toBe(400);
  });

  it("keeps what is said, on request", async () => {
    await client.query("select 'before'");
    expect(await call("POST", "/statements", { keep: 5 })).toEqual([200, {}]);
    await client.query("begin");
    await client.query("insert into t values ($1, $2)", [5, 50]);
    await outcome(client.query("insert into t values (5, 50); select 1"));
    await outcome(client.query("truncate t"));
    await client.query("rollback");
    await outcome(client.query("truncate $1", ["t"]));
    await outcome(watcher.query("selec 1"));
    const [status, kept] = await call("GET", "/statements");
    const said = cluster.control.statements();
    expect([status, kept]).toEqual([200, said]);
    expect(said.map(({ statement, refused }) => [statement, refused])).toEqual([
      ["insert into t values (5, 50)", "23505"],
      ["truncate t", "25P02"],
      ["rollback", null],
      ["truncate $1", "42601"],
      ["selec 1", "42601"],
    ]);
    expect(new Set(said.map(({ connection }) => connection)).size).toBe(2);
    expect(said.every(({ at, tookMs }) => !Number.isNaN(Date.parse(at)) && tookMs >= 0)).toBe(true);
    expect((await call("POST", "/statements", { keep: -1 }))[0]).toBe(400);
    await call("POST", "/statements", { keep: 0 });
    await client.query("select 1");
    expect(cluster.control.statements()).toEqual([]);
  });

  it("counts, moves the clock, and empties the cluster in no time", async () => {
    await client.query("create schema s");
    await client.query("create role r");
    expect(await call("GET", "/counters")).toMatchObject([200, { commits: 4, openConnections: 2 }]);
    await client.query("begin");
    await client.query("select 1");
    expect(await call("POST", "/clock", { shiftMs: 400_000 })).toEqual([200, {}]);
    expect(await outcome(client.query("commit"))).toMatch(/^54000 transaction age limit/);
    await watcher.query("begin");
    await watcher.query("insert into t values (2, 2)");
    expect(await call("POST", "/reset")).toEqual([200, {}]);
    // A pool's connections outlive a reset: to them it is no conflict.
    expect(await outcome(client.query("select * from t"))).toMatch(/^42P01/);
    expect(await outcome(watcher.query("commit"))).toBe(OC001);
    expect(await outcome(client.query("create schema s"))).toBe("ok");
    expect(cluster.control.counters().commits).toBe(1);
  });
});
