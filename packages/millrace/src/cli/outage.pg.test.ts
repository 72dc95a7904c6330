import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startFaultProxy, type FaultProxy } from "../../../../test/support/fault-proxy.ts";
import { findFreePort } from "../../../../test/support/free-port.ts";
import { sharedPostgres, type SharedPostgres } from "../../../../test/support/postgres.ts";
import { dropSlots, pipelineBetween, pipelineFileOf } from "../pipeline-between.fixture.ts";
import { cli, endLeftovers, startCli } from "./cli.fixture.ts";

let source: SharedPostgres;
let target: SharedPostgres;
let way: FaultProxy;
let name: string;
let file: string;

beforeAll(async () => {
  [source, target] = await Promise.all([sharedPostgres(), sharedPostgres()]);
  way = await startFaultProxy(target);
  name = `gone_${source.database.slice(0, 30)}`;
  const sink = { port: way.port };
  file = pipelineFileOf(pipelineBetween(source, target, { name, tables: "public.\\.*", sink }));
  await source.query("CREATE TABLE t (id int PRIMARY KEY, v text)");
});
afterEach(endLeftovers);
afterAll(async () => {
  await way.close();
  await dropSlots(source);
  await source.release();
  await target.release();
});

/** A running pipeline whose sink has gone while it had something to write. */
async function withoutSink(first: number) {
  way.greeting = "open";
  const listen = `127.0.0.1:${await findFreePort()}`;
  const running = startCli(["run", file, "--listen", listen], {});
  await running.waitFor(`${name}: running`);
  way.greeting = "refused";
  way.strike({ kind: "cut" });
  await source.query(`INSERT INTO t SELECT g FROM generate_series(${first}, ${first + 9}) g`);
  const url = `http://${listen}`;
  await until(async () => (await statusOf(url)).includes("retrying since"));
  return { running, url };
}

const statusOf = async (url: string) => (await cli(["status", "--url", url])).stdout;

const pipelineAt = async (url: string) => {
  const answer = await fetch(`${url}/api/v1/pipelines/${name}`);
  return (await answer.json()) as { progressAgeMs: number };
};

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 60; tries++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  throw new Error("it did not come to that");
}

describe("a running pipeline whose sink is gone", () => {
  it("says so once in the log, in status, tables and health, and says when it works again (I11)", async () => {
    const { running, url } = await withoutSink(1);
    const progressAge = async () => (await pipelineAt(url)).progressAgeMs;
    // What was under way when the sink went may still count as progress.
    await until(async () => {
      const age = await progressAge();
      await new Promise((resolve) => setTimeout(resolve, 100));
      return (await progressAge()) >= age + 90;
    });
    expect(await statusOf(url)).toMatch(
      /retrying since \d{4}-\d\d-\d\dT[\d:]+Z \(.*\), [\d,]+ attempts?, next (in .*|now)\n {2}MR_SINK_/,
    );
    expect((await cli(["tables", "--url", url])).stdout).toContain(`${name}: retrying since`);
    const health = await fetch(`${url}/health/ready`);
    expect([health.status, await health.text()]).toEqual([
      503,
      expect.stringContaining(`${name} is retrying since`),
    ]);
    way.greeting = "open";
    await until(async () => (await statusOf(url)).includes(`${name}: running`));
    running.child.kill("SIGTERM");
    const { code, stdout, stderr } = await running.result;
    expect(code).toBe(0);
    const lines = stderr.split("\n").filter((line) => line.startsWith("{"));
    const told = lines.map((line) => JSON.parse(line) as { code?: string; message: string });
    const codes = told.filter(({ message }) => message.includes("trying again")).map((l) => l.code);
    expect(codes.length).toBeGreaterThan(0);
    expect(new Set(codes).size).toBe(codes.length);
    expect(told.filter(({ message }) => message.startsWith("works again after"))).toHaveLength(1);
    expect(stdout).not.toContain("MR_SINK_");
  });

  it("does not end with 0 when it is told to stop, and says what is not finished", async () => {
    const { running } = await withoutSink(11);
    running.child.kill("SIGTERM");
    const { code, stderr } = await running.result;
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /: not everything that was read became durable at the sink: MR_SINK_.* Nothing is lost: the next start reads it again\.\n/,
    );
    way.greeting = "open";
    const next = await cli(["run", file, "--until-caught-up", "--listen", "off"], {});
    expect(next.code).toBe(0);
    const own = "SELECT count(*)::int AS n FROM t WHERE id > 10";
    expect(await target.query(own)).toEqual([{ n: 10 }]);
  });

  it("fails the command that stops it, too", async () => {
    const { running, url } = await withoutSink(21);
    const stop = await cli(["stop", "--url", url]);
    expect([stop.code, stop.stdout]).toEqual([
      1,
      expect.stringContaining("Nothing is lost: the next start reads it again."),
    ]);
    expect((await running.result).code).toBe(1);
  });
});
