import fc from "fast-check";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { testRuns } from "../../../../test/support/test-runs.ts";
import { startDsqlLocal, type DsqlLocal } from "../index.ts";
import { Clients, OC000, outcome } from "../testing/clients.ts";
import { copyIn } from "../testing/copy-in.ts";

/**
 * Random schedules of a few sessions against a small model of snapshot isolation in which the
 * first committer wins: every count, every row and every end has to be as the model says.
 */

type Step =
  | { readonly kind: "begin" | "commit" | "rollback" | "read" }
  | { readonly kind: "insert" | "upsert" | "update"; readonly key: number; readonly value: number }
  | { readonly kind: "delete"; readonly key: number };

interface Scheduled {
  readonly session: number;
  readonly step: Step;
}

type Rows = Map<number, number>;

/** A transaction of the model. */
interface ModelTransaction {
  snapshot: Rows | undefined;
  takenAt: number;
  readonly own: Map<number, number | undefined>;
  failed: boolean;
}

const DUPLICATE = "23505";

/** Snapshot isolation, first committer wins. */
class Model {
  readonly rows: Rows = new Map([
    [1, 10],
    [2, 20],
  ]);
  readonly #changedAt = new Map<number, number>();
  readonly #open = new Map<number, ModelTransaction>();
  #commits = 0;

  /** What the session is told: a count, rows, "ok" or an error. */
  step(session: number, step: Step): string {
    const transaction = this.#open.get(session);
    switch (step.kind) {
      case "begin":
        if (transaction === undefined) this.#open.set(session, fresh());
        else if (transaction.failed) return "25P02";
        return "BEGIN";
      case "rollback":
        this.#open.delete(session);
        return "ROLLBACK";
      case "commit":
        return this.#commit(session, transaction);
      default:
        return this.#statement(step, transaction);
    }
  }

  #statement(step: Step, running: ModelTransaction | undefined): string {
    const transaction = running ?? fresh();
    if (transaction.failed) return "25P02";
    transaction.snapshot ??= this.#take(transaction);
    const result = apply(step, transaction);
    if (result === DUPLICATE) transaction.failed = true;
    else if (running === undefined) this.#write(transaction);
    return result;
  }

  #take(transaction: ModelTransaction): Rows {
    transaction.takenAt = this.#commits;
    return new Map(this.rows);
  }

  #commit(session: number, transaction: ModelTransaction | undefined): string {
    this.#open.delete(session);
    if (transaction === undefined) return "COMMIT";
    if (transaction.failed) return "ROLLBACK";
    for (const key of transaction.own.keys()) {
      if ((this.#changedAt.get(key) ?? 0) > transaction.takenAt) return "40001";
    }
    this.#write(transaction);
    return "COMMIT";
  }

  #write(transaction: ModelTransaction): void {
    if (transaction.own.size === 0) return;
    this.#commits++;
    for (const [key, value] of transaction.own) {
      this.#changedAt.set(key, this.#commits);
      if (value === undefined) this.rows.delete(key);
      else this.rows.set(key, value);
    }
  }
}

function fresh(): ModelTransaction {
  return { snapshot: undefined, takenAt: 0, own: new Map(), failed: false };
}

function see(transaction: ModelTransaction): Rows {
  const seen: Rows = new Map(transaction.snapshot);
  for (const [key, value] of transaction.own) {
    if (value === undefined) seen.delete(key);
    else seen.set(key, value);
  }
  return seen;
}

function apply(step: Step, transaction: ModelTransaction): string {
  const seen = see(transaction);
  switch (step.kind) {
    case "insert":
      if (seen.has(step.key)) return DUPLICATE;
      transaction.own.set(step.key, step.value);
      return "1";
    case "upsert":
      transaction.own.set(step.key, step.value);
      return "1";
    case "update":
      if (!seen.has(step.key)) return "0";
      transaction.own.set(step.key, step.value);
      return "1";
    case "delete":
      if (!seen.has(step.key)) return "0";
      transaction.own.set(step.key, undefined);
      return "1";
    default:
      return show(seen);
  }
}

function show(rows: Rows): string {
  return [...rows]
    .toSorted(([a], [b]) => a - b)
    .map(([key, value]) => `${key}=${value}`)
    .join(" ");
}

let cluster: DsqlLocal;
const clients = new Clients(() => cluster);
const SESSIONS = 4;

beforeAll(async () => {
  cluster = await startDsqlLocal({ tls: "off" });
});
afterAll(async () => {
  await clients.close();
  await cluster.stop();
});

async function run(client: pg.Client, step: Step): Promise<string> {
  try {
    return await told(client, step);
  } catch (error) {
    const code = await outcome(Promise.reject(error));
    return code === OC000 ? "40001" : code.slice(0, 5);
  }
}

async function told(client: pg.Client, step: Step): Promise<string> {
  switch (step.kind) {
    case "begin":
    case "commit":
    case "rollback":
      return (await client.query(step.kind)).command;
    case "read": {
      const result = await client.query<{ id: number; v: number }>("select id, v from t");
      return show(new Map(result.rows.map((row) => [row.id, row.v])));
    }
    default:
      if (isCopied(step)) {
        return String(await copyIn(client, "copy t from stdin", `${step.key}\t${step.value}\n`));
      }
      return String((await client.query(asSent(step))).rowCount);
  }
}

/** Some rows come by COPY. */
function isCopied(
  step: Parameters<typeof textOf>[0],
): step is Extract<Step, { kind: "insert" | "upsert" | "update" }> {
  return step.kind === "insert" && step.value % 3 === 0;
}

/** With parameters, in the extended protocol, for odd keys: there a single write brings its COMMIT along. */
function asSent(step: Parameters<typeof textOf>[0]): pg.QueryConfig {
  const text = textOf(step);
  if (step.key % 2 === 0) return { text };
  const values: number[] = [];
  const place = (number: string): string => `$${values.push(Number(number))}::int`;
  return { text: text.replace(/\b\d+\b/g, place), values };
}

function textOf(step: Exclude<Step, { kind: "begin" | "commit" | "rollback" | "read" }>): string {
  switch (step.kind) {
    case "insert":
      return `insert into t values (${step.key}, ${step.value})`;
    case "upsert":
      return `insert into t values (${step.key}, ${step.value}) on conflict (id) do update set v = excluded.v`;
    case "update":
      return `update t set v = ${step.value} where id = ${step.key}`;
    case "delete":
      return `delete from t where id = ${step.key}`;
  }
}

const key = fc.integer({ min: 1, max: 4 });
const value = fc.integer({ min: 100, max: 999 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Step>({ kind: "begin" }) },
  { weight: 3, arbitrary: fc.constant<Step>({ kind: "commit" }) },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: "rollback" }) },
  { weight: 3, arbitrary: fc.constant<Step>({ kind: "read" }) },
  {
    weight: 7,
    arbitrary: fc.record({ kind: fc.constantFrom("insert", "upsert", "update"), key, value }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("delete"), key }) },
);
const schedule: fc.Arbitrary<Scheduled[]> = fc.array(
  fc.record({ session: fc.integer({ min: 0, max: SESSIONS - 1 }), step }),
  { minLength: 5, maxLength: 40 },
);

describe("random schedules", () => {
  it("go as snapshot isolation with the first committer winning says", async () => {
    const sessions = await Promise.all(Array.from({ length: SESSIONS }, () => clients.connect()));
    const [first] = sessions;
    if (first === undefined) throw new Error("no session");
    await first.query("create table t (id int primary key, v int)");
    await fc.assert(
      fc.asyncProperty(schedule, async (steps) => {
        await first.query("delete from t");
        await first.query("insert into t values (1, 10), (2, 20)");
        const model = new Model();
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
        said.push(await run(first, { kind: "read" }));
        expected.push(show(model.rows));
        expect(said).toEqual(expected);
      }),
      { numRuns: testRuns(120), endOnFailure: false },
    );
  });
});

describe("sessions that really run at once", () => {
  /** Raises some rows by one each, in the order given; gives how many, or 0 after a conflict. */
  async function raise(client: pg.Client, keys: readonly number[]): Promise<number> {
    const sent = [
      outcome(client.query("begin")),
      ...keys.map((id) => outcome(client.query(`update counters set n = n + 1 where id = ${id}`))),
    ];
    const committed = client.query("commit").then((result) => result.command, codeOf);
    const answers = await Promise.all(sent);
    expect(new Set(answers)).toEqual(new Set(["ok"]));
    const end = await committed;
    expect(["COMMIT", "40001"]).toContain(end);
    return end === "COMMIT" ? keys.length : 0;
  }

  function codeOf(error: unknown): string {
    return typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
  }

  it("lose no update and never wait for each other, in pipelines that cross", async () => {
    const sessions = await Promise.all(
      Array.from({ length: 6 }, () => clients.connect({ pipeline: true })),
    );
    const [first] = sessions;
    if (first === undefined) throw new Error("no session");
    await first.query("create table counters (id int primary key, n int)");
    await first.query("insert into counters select g, 0 from generate_series(1, 5) g");
    const raised = await Promise.all(
      sessions.map(async (client, s) => {
        let total = 0;
        for (let round = 0; round < 40; round++) {
          const from = (s * 7 + round * 3) % 5;
          const keys = [from, from + 2, from + 1].map((id) => (id % 5) + 1);
          total += await raise(client, s % 2 === 0 ? keys : keys.toReversed());
        }
        return total;
      }),
    );
    const total = raised.reduce((sum, n) => sum + n, 0);
    const result = await first.query("select sum(n)::int as n from counters");
    expect(result.rows).toEqual([{ n: total }]);
    expect(total).toBeGreaterThan(0);
  });
});
