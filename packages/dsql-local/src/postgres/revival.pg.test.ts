import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startDsqlLocal, type DsqlLocal } from "../index.ts";
import { Clients, OC000, outcome } from "../testing/clients.ts";

let cluster: DsqlLocal;
const clients = new Clients(() => cluster);

beforeAll(async () => {
  cluster = await startDsqlLocal({ tls: "off", jobDelayMs: 5_000 });
});
afterAll(() => cluster.stop());
afterEach(() => clients.close());

/** The process behind a client's session, or that one's parent. */
async function pidOf(client: pg.Client, which: "session" | "postmaster"): Promise<number> {
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  const pid = Number(rows[0]?.pid);
  if (which === "session") return pid;
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
}

/** A client as soon as one gets in; every refusal until then must be the one of a cluster that is not there. */
async function connectAgain(): Promise<pg.Client> {
  for (let attempt = 0; ; attempt++) {
    try {
      const client = await clients.connect();
      if (await staysOpen(client)) return client;
    } catch (error) {
      if (!(error instanceof pg.DatabaseError) || attempt > 1_000) throw error;
      expect(error.code).toMatch(/^(?:XX000|57P0\d)$/);
      await sleep(10);
    }
  }
}

/** PostgreSQL takes connections for a moment after one of its sessions has died, and ends them when it sees that. */
async function staysOpen(client: pg.Client): Promise<boolean> {
  const ended = new Promise<boolean>((resolve) => client.once("end", () => resolve(false)));
  const slept = client.query("select pg_sleep(0.1)").then(
    () => true,
    () => false,
  );
  return Promise.race([ended, slept]);
}

/** What a session hears when the PostgreSQL beneath it dies. */
async function killed(client: pg.Client, which: "session" | "postmaster"): Promise<void> {
  const ended = new Promise((resolve) => client.once("end", resolve));
  process.kill(await pidOf(client, which), "SIGKILL");
  await ended;
}

describe.each(["postmaster", "session"] as const)("a PostgreSQL whose %s is killed", (which) => {
  it("comes back with all that was committed, rules and all", { timeout: 60_000 }, async () => {
    const before = await clients.connect();
    await outcome(before.query("drop table if exists kept"));
    await outcome(before.query("create table kept (id int primary key, value int)"));
    for (let id = 0; id < 50; id++) await before.query("insert into kept values ($1, 0)", [id]);
    await killed(before, which);
    const [one, two] = [await connectAgain(), await connectAgain()];
    expect((await one.query("select count(*)::int as n from kept")).rows).toEqual([{ n: 50 }]);
    await one.query("begin");
    await two.query("begin");
    await one.query("update kept set value = 1 where id = 7");
    await two.query("update kept set value = 2 where id = 7");
    expect(await outcome(two.query("commit"))).toBe("ok");
    expect(await outcome(one.query("commit"))).toBe(OC000);
    expect(await outcome(two.query("create table made_after (id int primary key)"))).toBe("ok");
    expect(await outcome(two.query("drop table made_after"))).toBe("ok");
  });
});

describe("of several clusters in one process", () => {
  it("only that comes back whose PostgreSQL was killed, both with what they had committed", { timeout: 60_000 }, async () => {
    const other = await startDsqlLocal({ tls: "off" });
    const neighbours = new Clients(() => other);
    try {
      const neighbour = await neighbours.connect();
      await neighbour.query("create table theirs (id int primary key)");
      await neighbour.query("begin");
      await neighbour.query("insert into theirs values (1)");
      const client = await clients.connect();
      await client.query("create table ours (id int primary key)");
      await client.query("insert into ours values (1), (2)");
      await client.query("begin");
      await client.query("insert into ours values (3)");
      await killed(client, "postmaster");
      expect((await (await connectAgain()).query("select id from ours order by id")).rows).toEqual([{ id: 1 }, { id: 2 }]);
      expect(await outcome(neighbour.query("commit"))).toBe("ok");
      expect((await neighbour.query("select id from theirs")).rows).toEqual([{ id: 1 }]);
      expect((await neighbour.query("select to_regclass('ours') as ours")).rows).toEqual([{ ours: null }]);
    } finally {
      await neighbours.close();
      await other.stop();
    }
  });
}); // prettier-ignore

describe("a job that ran when PostgreSQL was killed", () => {
  it("has failed", { timeout: 60_000 }, async () => {
    const client = await clients.connect();
    await client.query("create table indexed (id int primary key, value int)");
    const started = await client.query<{ job_id: string }>("create index async on indexed (value)");
    await killed(client, "postmaster");
    const after = await connectAgain();
    const id = started.rows[0]?.job_id ?? "";
    const jobs = await after.query("select status from sys.jobs where job_id = $1", [id]);
    expect(jobs.rows).toEqual([{ status: "failed" }]);
  });
});
