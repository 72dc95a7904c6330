import type pg from "pg";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ReferencedKeys } from "../concurrency/referenced-keys.ts";
import { Violation } from "../rules/rule.ts";
import { OC000, outcome } from "../testing/clients.ts";
import { RawClient } from "../testing/raw-client.ts";
import { testCluster } from "../testing/test-cluster.ts";
import { query } from "../wire/messages.ts";
import { Backend } from "./backend.ts";
import { CommitSteps } from "./commit-steps.ts";

const cluster = testCluster();
let client: pg.Client;

beforeEach(async () => {
  client = await cluster.connect();
  await client.query("create table t (id int primary key, v int)");
  await client.query("create table parent (id int primary key, v int)");
  // Rows that come to a table from which some were deleted lately are looked at.
  for (const child of ["child", "thinned"])
    await client.query(`create table ${child} (id int primary key, p int references parent (id))`);
  for (const table of ["t", "parent"])
    await client.query(`insert into ${table} values (1, 1), (2, 2)`);
  // What is asked once of a table is known from here on.
  await client.query("update t set v = $1 where id = $2", [1, 1]);
  for (const child of ["child", "thinned"])
    await client.query(`insert into ${child} values ($1, $2)`, [1, 1]);
});
afterEach(async () => {
  vi.restoreAllMocks();
});

/** How often a session goes to PostgreSQL for a statement. */
async function trips(sql: string, values?: readonly unknown[]): Promise<number> {
  const request = vi.spyOn(Backend.prototype, "request");
  await client.query(sql, values === undefined ? undefined : [...values]);
  const { length } = request.mock.calls;
  request.mockRestore();
  return length;
}

/** Has something done when a statement with this text is decided on and not sent. */
function beforeSending(text: string, work: () => Promise<void>): void {
  const backend = { request: Reflect.get(Backend.prototype, "request") };
  let done: Promise<void> | undefined;
  vi.spyOn(Backend.prototype, "request").mockImplementation(async function held(
    this: Backend,
    ...args
  ) {
    const [frames] = args;
    if (frames.some((frame) => frame.includes(text))) await (done ??= work());
    return Reflect.apply(backend.request, this, args);
  });
}

type Case = [sql: string, values: readonly unknown[] | undefined];

describe("the COMMIT of a single statement", () => {
  it.each<Case>([
    ["insert into t values ($1, 3)", [3]],
    ["insert into t values (3, 3)", undefined],
    ["insert into t values (1, 9), (4, 4) on conflict (id) do update set v = 9", undefined],
    ["update t set v = 5 where id = 1 returning v", undefined],
    ["delete from t where id = $1", [1]],
    ["delete from t where id = 1 and v > 0 returning *", undefined],
    ["delete from thinned where id = 1", undefined],
    ["insert into child values ($1, $2)", [2, 1]],
    ["insert into child values (2, 1) returning p", undefined],
    ["update child set p = 2 where id = 1", undefined],
  ])("goes with %s", async (sql, values) => {
    expect(await trips(sql, values)).toBe(1);
  });

  it.each<Case>([
    ["delete from parent where id = 2", undefined],
    ["delete from t where v = 1", undefined],
    ["update t set id = 7 where id = 1", undefined],
    ["insert into thinned values (5, 1)", undefined],
  ])("may not go with %s", async (sql, values) => {
    expect(await trips(sql, values)).toBeGreaterThan(1);
  });

  it("does not go with one whose keys may have to be told to an older snapshot", async () => {
    const other = await cluster.connect();
    await other.query("begin");
    await other.query("select * from t");
    expect(await trips("insert into child values (2, 1)")).toBeGreaterThan(1);
  });
});

describe("a simple Query whose COMMIT goes with it", () => {
  it("is answered as ever", async () => {
    const raw = await RawClient.open(cluster);
    const say = async (sql: string): Promise<string> => {
      raw.send(query(sql));
      return (await raw.until("Z")).join(" ");
    };
    expect(await say("insert into t values (5, 5) returning id, v")).toBe(
      "T:2 D:5,5 C:INSERT 0 1 Z:I",
    );
    expect(await say("insert into t values (5, 5) returning id")).toBe("E:23505 Z:I");
    expect(await say("insert into t values (6, $1)")).toBe("E:42P02 Z:I");
    expect(await say("insert into t values (6, 'x')")).toBe("E:22P02 Z:I");
    expect(await say("insert into child values (5, 77)")).toBe("E:23503 Z:I");
    expect(await say("delete from t where id = 5 returning v")).toBe("T:1 D:5 C:DELETE 1 Z:I");
    expect(await say("delete from t where id = 5")).toBe("C:DELETE 0 Z:I");
    expect(await say("select count(*) from t where id > 2")).toBe("T:1 D:0 C:SELECT 1 Z:I");
    raw.end();
  });

  it("fails like any other where somebody else has committed the row first", async () => {
    const other = await cluster.connect();
    await other.query("begin");
    await other.query("update t set v = 7 where id = 1");
    await client.query("delete from t where id = 1");
    expect(await outcome(other.query("commit"))).toBe(OC000);
  });
});

describe("a key that a DELETE took whose COMMIT went with it", () => {
  it("counts against whoever still sees it and brings it again", async () => {
    const other = await cluster.connect();
    await other.query("begin");
    await other.query("select * from t");
    expect(await trips("delete from t where id = 1")).toBe(1);
    const brought = await outcome(other.query("insert into t values (1, 100)"));
    const ended = brought === "ok" ? await outcome(other.query("commit")) : brought;
    expect(ended).not.toBe("ok");
  });

  it("counts also where the snapshot is taken while it is under way", async () => {
    const other = await cluster.connect();
    beforeSending("delete from t", async () => {
      await other.query("begin");
      await other.query("select * from t");
    });
    await client.query("delete from t where id = 1");
    vi.restoreAllMocks();
    const brought = await outcome(other.query("insert into t values (1, 100)"));
    const ended = brought === "ok" ? await outcome(other.query("commit")) : brought;
    expect(ended).not.toBe("ok");
  });
});

describe("a parent's key that a row shares whose COMMIT went with it", () => {
  it("counts against a lock on the parent that was taken meanwhile", async () => {
    const other = await cluster.connect();
    beforeSending("insert into child", async () => {
      await other.query("begin");
      await other.query("select * from parent where id = 2 for update");
    });
    await client.query("insert into child values (9, 2)");
    vi.restoreAllMocks();
    expect(await outcome(other.query("commit"))).toBe(OC000);
  });

  it.each([
    ["of a table that is gone by now is not asked for", "42P01", "ok"],
    ["is told of where it cannot be asked for", "XX000", "XX000"],
  ])("%s", async (_, code, told) => {
    const message = "as if";
    const noteShared = vi.spyOn(CommitSteps.prototype, "noteShared");
    noteShared.mockRejectedValueOnce(new Violation({ severity: "ERROR", code, message }));
    expect(await outcome(client.query("insert into child values (9, 2)"))).toContain(told);
    const { rows } = await client.query("select p from child where id = 9");
    expect(rows).toEqual([{ p: 2 }]);
  });
});

describe("a COMMIT that fails before PostgreSQL is asked for it", () => {
  it("makes no later snapshot count as older than the COMMITs of others", async () => {
    const old = await cluster.connect();
    await old.query("begin");
    await old.query("select * from t");
    vi.spyOn(ReferencedKeys.prototype, "note").mockImplementationOnce(() => {
      throw new Violation({ severity: "ERROR", code: "XX000", message: "as if" });
    });
    expect(await outcome(client.query("insert into child values (8, 2)"))).not.toBe("ok");
    const next = await cluster.connect();
    await next.query("insert into child values (9, 2)");
    // Its snapshot has that row: whoever shares the parent's key has committed before it.
    await next.query("begin");
    await next.query("select * from parent where id = 2 for update");
    expect(await outcome(next.query("commit"))).toBe("ok");
  });
});
