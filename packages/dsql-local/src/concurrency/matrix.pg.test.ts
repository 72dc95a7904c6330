import fc from "fast-check";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { testRuns, timeFor } from "../../../../test/support/test-runs.ts";
import { startDsqlLocal, type DsqlLocal } from "../index.ts";
import { Clients, OC000, outcome } from "../testing/clients.ts";

/** How a transaction holds a row: each excludes more than the one before. */
const STRENGTHS = ["share", "other", "key"] as const;
type Strength = (typeof STRENGTHS)[number];

type Action = "other" | "key" | "lock" | "share" | "delete" | "insert";
type Step =
  | { readonly kind: "begin" | "commit" | "rollback" }
  | { readonly kind: Action; readonly id: number };

interface Scheduled {
  readonly session: number;
  readonly step: Step;
}

/** The matrix of the service's guide: whether who commits later loses, by how the earlier one held the row. */
function loses(earlier: Strength, later: Strength): boolean {
  if (earlier === "key") return true;
  if (earlier === "share") return later === "key";
  return later !== "share";
}

interface Held {
  /** Rows as the snapshot has them, and as the transaction left them. */
  readonly seen: Set<number>;
  readonly at: number;
  readonly held: Map<number, Strength>;
  readonly changes: Map<number, boolean>;
  failed: boolean;
}

/** Snapshot isolation, first committer wins, over rows that are there or not. */
class Model {
  rows: Set<number>;
  #commits = 0;
  readonly #open = new Map<number, Held | undefined>();
  readonly #marks: { readonly id: number; readonly strength: Strength; readonly at: number }[] = [];

  constructor(ids: readonly number[]) {
    this.rows = new Set(ids);
  }

  step(session: number, step: Step): string {
    if (step.kind === "begin") {
      if (!this.#open.has(session)) this.#open.set(session, undefined);
      return this.#open.get(session)?.failed === true ? "25P02" : "BEGIN";
    }
    if (step.kind === "rollback") {
      this.#open.delete(session);
      return "ROLLBACK";
    }
    if (step.kind === "commit") {
      const open = this.#open.get(session);
      this.#open.delete(session);
      if (open?.failed === true) return "ROLLBACK";
      return open === undefined ? "COMMIT" : this.#commit(open);
    }
    return "id" in step ? this.#run(session, step.kind, step.id) : "";
  }

  #run(session: number, kind: Action, id: number): string {
    const inBlock = this.#open.has(session);
    const held = this.#open.get(session) ?? this.#begin();
    if (inBlock) this.#open.set(session, held);
    if (held.failed) return "25P02";
    const told = act(held, kind, id);
    if (told === "23505") held.failed = true;
    else if (!inBlock) this.#commit(held);
    return told;
  }

  #begin(): Held {
    return {
      seen: new Set(this.rows),
      at: this.#commits,
      held: new Map(),
      changes: new Map(),
      failed: false,
    };
  }

  #commit({ at, held, changes }: Held): string {
    for (const mark of this.#marks) {
      const mine = held.get(mark.id);
      if (mark.at > at && mine !== undefined && loses(mark.strength, mine)) return "40001";
    }
    this.#commits++;
    for (const [id, strength] of held) this.#marks.push({ id, strength, at: this.#commits });
    for (const [id, there] of changes) {
      if (there) this.rows.add(id);
      else this.rows.delete(id);
    }
    return "COMMIT";
  }
}

function act(held: Held, kind: Action, id: number): string {
  const there = held.seen.has(id);
  if (kind === "insert") {
    if (there) return "23505";
    hold(held, id, "key");
    held.seen.add(id);
    held.changes.set(id, true);
    return "1";
  }
  if (!there) return "0";
  hold(held, id, kind === "share" || kind === "other" ? kind : "key");
  if (kind === "delete") {
    held.seen.delete(id);
    held.changes.set(id, false);
  }
  return "1";
}

function hold({ held }: Held, id: number, strength: Strength): void {
  const before = held.get(id) ?? "share";
  held.set(id, STRENGTHS.indexOf(strength) > STRENGTHS.indexOf(before) ? strength : before);
}

let cluster: DsqlLocal;
const clients = new Clients(() => cluster);
const SESSIONS = 5;

beforeAll(async () => {
  cluster = await startDsqlLocal({ tls: "off" });
});
afterAll(async () => {
  await clients.close();
  await cluster.stop();
});

/** `u` is in a unique index and never the same twice, `v` is in none. */
let drawn = 1_000;

function textOf(kind: Action, id: number): string {
  switch (kind) {
    case "other":
      return `update t set v = ${drawn++} where id = ${id}`;
    case "key":
      return `update t set u = ${drawn++} where id = ${id}`;
    case "lock":
      return `select 1 from t where id = ${id} for update`;
    case "share":
      return `select 1 from t where id = ${id} for key share`;
    case "delete":
      return `delete from t where id = ${id}`;
    case "insert":
      return `insert into t values (${id}, ${drawn++}, 0)`;
  }
}

async function run(client: pg.Client, step: Step): Promise<string> {
  const isAction = "id" in step;
  const text = isAction ? textOf(step.kind, step.id) : step.kind;
  try {
    const result = await client.query(text);
    return isAction ? String(result.rowCount) : result.command;
  } catch (error) {
    const told = await outcome(Promise.reject(error));
    return told === OC000 ? "40001" : told.slice(0, 5);
  }
}

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.constant<Step>({ kind: "begin" }) },
  { weight: 4, arbitrary: fc.constant<Step>({ kind: "commit" }) },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: "rollback" }) },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constantFrom<Action>(
        "other",
        "other",
        "key",
        "lock",
        "share",
        "share",
        "delete",
        "insert",
      ),
      id: fc.integer({ min: 1, max: 3 }),
    }),
  },
);
const schedule: fc.Arbitrary<Scheduled[]> = fc.array(
  fc.record({ session: fc.integer({ min: 0, max: SESSIONS - 1 }), step }),
  { minLength: 6, maxLength: 30 },
);

describe("the matrix of conflicts", () => {
  it(
    "holds over random schedules of key and other updates, locks and shares",
    { timeout: timeFor(120_000) },
    async () => {
      const sessions = await Promise.all(Array.from({ length: SESSIONS }, () => clients.connect()));
      const [first] = sessions;
      if (first === undefined) throw new Error("no session");
      await first.query("create table t (id int primary key, u int unique, v int)");
      await fc.assert(
        fc.asyncProperty(schedule, async (steps) => {
          await first.query("delete from t");
          await first.query("insert into t values (1, 1, 0), (2, 2, 0)");
          const model = new Model([1, 2]);
          const said: string[] = [];
          const expected: string[] = [];
          for (const { session, step: next } of steps) {
            const client = sessions[session];
            if (client === undefined) continue;
            const prefix = `${session} ${JSON.stringify(next)} → `;
            expected.push(prefix + model.step(session, next));
            said.push(prefix + (await run(client, next)));
          }
          await Promise.all(sessions.map((client) => client.query("rollback")));
          const left = await first.query<{ id: number }>("select id from t order by id");
          said.push(left.rows.map((row) => row.id).join());
          expected.push([...model.rows].toSorted((a, b) => a - b).join());
          expect(said).toEqual(expected);
        }),
        { numRuns: testRuns(25), endOnFailure: false },
      );
    },
  );
});

describe("a foreign key", () => {
  it("lets a child's insert and the parent's other columns be", async () => {
    const [one, two] = await family();
    await one.query("begin");
    await one.query("insert into child values (1, 1)");
    await two.query("update parent set v = 2 where id = 1");
    expect(await outcome(one.query("commit"))).toBe("ok");
  });

  it("makes a child's insert lose against the parent's delete that commits first", async () => {
    const [one, two] = await family();
    await one.query("begin");
    await one.query("insert into child values (1, 1)");
    expect(await outcome(two.query("delete from parent where id = 1"))).toBe("ok");
    expect(await outcome(one.query("commit"))).toBe(OC000);
  });

  it("makes the parent's delete lose against a child's insert that commits first", async () => {
    const [one, two] = await family();
    await two.query("begin");
    expect(await outcome(two.query("delete from parent where id = 1"))).toBe("ok");
    expect(await outcome(one.query("insert into child values (1, 1)"))).toBe("ok");
    expect(await outcome(two.query("commit"))).toBe(OC000);
  });

  describe("shares the parent's key, once the child's row has committed, against what an older snapshot", () => {
    it.each([
      ["locks FOR UPDATE", "select 1 from parent where id = 1 for update"],
      ["locks FOR UPDATE and writes", "select 1 from parent where id = 1 for update", "update parent set v = 3 where id = 1"],
      ["changes another key of", "update parent set u = 7 where id = 1"],
    ])("%s", async (_what, ...texts) => {
      for (const isFirst of [true, false]) {
        const [one, two] = await family();
        await two.query("begin");
        await two.query("select 1 from parent");
        if (isFirst) for (const text of texts) await two.query(text);
        expect(await outcome(one.query("insert into child values (1, 1)"))).toBe("ok");
        if (!isFirst) for (const text of texts) await two.query(text);
        expect(await outcome(two.query("commit"))).toBe(OC000);
      }
    }); // prettier-ignore

    it.each([
      ["locks of another parent", "select 1 from parent where id = 2 for update"],
      ["writes to other columns", "update parent set v = 3 where id = 1"],
    ])("%s: which is no conflict", async (_what, text) => {
      const [one, two] = await family();
      await two.query("begin");
      await two.query(text);
      expect(await outcome(one.query("insert into child values (1, 1), (2, null)"))).toBe("ok");
      expect(await outcome(two.query("commit"))).toBe("ok");
    });
  });

  it("counts a child's change of parent, and what a block did, and no row of others'", async () => {
    const [one, two] = await family();
    await one.query("insert into child values (1, 1)");
    await two.query("begin");
    await two.query("select 1 from parent");
    await one.query("begin");
    await one.query("update child set parent = 2 where id = 1");
    await one.query("commit");
    await two.query("select 1 from parent where id = 1 for update");
    expect(await outcome(two.query("commit"))).toBe("ok");
    await two.query("begin");
    await two.query("select 1 from parent");
    await one.query("begin");
    await one.query("update child set parent = 1 where id = 1");
    await one.query("commit");
    await two.query("select 1 from parent where id = 1 for update");
    expect(await outcome(two.query("commit"))).toBe(OC000);
  });

  it("makes a child's insert lose against a FOR UPDATE of its parent that commits first", async () => {
    const [one, two] = await family();
    await one.query("begin");
    await one.query("insert into child values (1, 1)");
    await two.query("begin");
    await two.query("select 1 from parent where id = 1 for update");
    expect(await outcome(two.query("commit"))).toBe("ok");
    expect(await outcome(one.query("commit"))).toBe(OC000);
  });

  async function family(): Promise<[pg.Client, pg.Client]> {
    const one = await clients.connect();
    const two = await clients.connect();
    await one.query("drop table if exists child");
    await one.query("drop table if exists parent");
    await one.query("create table parent (id int primary key, u int unique, v int)");
    await one.query("create table child (id int primary key, parent int references parent (id))");
    await one.query("insert into parent values (1, 1, 1), (2, 2, 2)");
    return [one, two];
  }
});
