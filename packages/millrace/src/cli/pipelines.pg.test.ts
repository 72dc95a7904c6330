import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { sharedPostgres } from "../../../../test/support/postgres.ts";
import { findFreePort } from "../../../../test/support/free-port.ts";
import { loadPipeline } from "../index.ts";
import { cli, endLeftovers, findingErrors, startCli } from "./cli.fixture.ts";

type Shared = Awaited<ReturnType<typeof sharedPostgres>>;

const folder = mkdtempSync(join(tmpdir(), "millrace-run-"));
let source: Shared;
let target: Shared;
let name: string;
let file: string;

/** The file of a pipeline from one database of the shared server to another. */
function pipelineFile(change: (text: string) => string = (text) => text): string {
  const path = join(folder, `${Math.random().toString(36).slice(2)}.yaml`);
  const text = `source:
  type: postgres
  hostname: ${source.host}
  port: ${source.port}
  username: ${source.user}
  password: \${env:PW}
  tables: ${source.database}.public.\\.*
sink:
  type: postgres
  host: ${target.host}
  port: ${target.port}
  username: ${target.user}
  password: \${env:PW}
  database: ${target.database}
pipeline:
  name: ${name}
`;
  writeFileSync(path, change(text));
  return path;
}

const env = () => ({ PW: source.password });
const schemasAtTarget = async () =>
  (await target.query("SELECT nspname FROM pg_namespace WHERE nspname = 'millrace'")).length;

afterEach(endLeftovers);

beforeAll(async () => {
  source = await sharedPostgres();
  target = await sharedPostgres();
  name = source.database.slice(0, 40);
  file = pipelineFile();
  await source.query("CREATE TABLE orders (id bigint PRIMARY KEY, note text)");
  await source.query("INSERT INTO orders SELECT g, 'n' || g FROM generate_series(1, 3000) g");
});

afterAll(async () => {
  // Slots hold their database, and a walsender may take a moment to notice that its client is gone.
  for (const { slot_name: slot } of await source.query(
    "SELECT slot_name FROM pg_replication_slots WHERE database = current_database() AND NOT active",
  )) {
    await source.query("SELECT pg_drop_replication_slot($1)", [slot]);
  }
  await source.release();
  await target.release();
  rmSync(folder, { recursive: true });
});

describe("a pipeline file that the servers contradict", () => {
  it.each([
    [
      "a pattern that matches no table",
      (text: string) => text.replace("public.\\.*", "nowhere.\\.*"),
      ":7:11: source.tables: matches no table of DATABASE that USER can see. Compare it with the names of the tables, and the role's rights with them.",
    ],
    [
      "a mistyped schema",
      (text: string) => text.replace("public.\\.*", "pubilc.\\.*"),
      ":7:11: source.tables: matches no table of DATABASE that USER can see. Did you mean DATABASE.public.\\.*?",
    ],
    [
      "a route that matches no table",
      (text: string) => `${text}route:\n  - source-table: public.nope\n    sink-table: a.b\n`,
      ":18:19: route[0].source-table: the pattern matches no captured table.",
    ],
    [
      "a route with a mistyped table",
      (text: string) => `${text}route:\n  - source-table: public.oders\n    sink-table: a.b\n`,
      ":18:19: route[0].source-table: the pattern matches no captured table. Did you mean public.orders?",
    ],
    [
      "a misspelt column that should be masked",
      (text: string) =>
        `${text}transform:\n  - source-table: public.orders\n    mask-columns: [notte]\n`,
      ":19:19: transform[0].mask-columns:",
    ],
    [
      "a wrong password",
      (text: string) => text.replace("${env:PW}", "wrong"),
      "MR_SOURCE_REFUSED: ",
    ],
    [
      "a database that is not there",
      (text: string) => text.replace(/tables: \w+/, "tables: no_such_database"),
      "MR_SOURCE_REFUSED: ",
    ],
  ])("ends with 2 before anything was touched: %s", async (_name, change, message) => {
    const before = await schemasAtTarget();
    const { code, stderr } = await cli(
      ["run", pipelineFile(change), "--until-caught-up", "--listen", "off"],
      env(),
    );
    expect(code).toBe(2);
    expect(stderr).toContain(
      message.replaceAll("DATABASE", source.database).replace("USER", source.user),
    );
    expect(await schemasAtTarget()).toBe(before);
    const slots = await source.query(
      "SELECT 1 FROM pg_replication_slots WHERE database = current_database()",
    );
    expect(slots).toEqual([]);
  });

  it("is told by validate --connect, with what follows and the remedy", async () => {
    const good = await cli(["validate", file, "--connect"], env());
    expect([good.code, good.stdout]).toEqual([
      0,
      expect.stringContaining(`pipeline ${name} is valid, `),
    ]);
    const bad = await cli(
      [
        "validate",
        pipelineFile((text) =>
          text.replace(`database: ${target.database}`, "database: no_such_database"),
        ),
        "--connect",
        "--json",
      ],
      env(),
    );
    expect(bad.code).toBe(2);
    expect(findingErrors(bad.stdout)).toEqual([
      expect.objectContaining({
        about: "sink",
        code: "MR_SINK_REFUSED",
        place: expect.objectContaining({ line: 14, column: 13 }) as object,
        what: "sink.database: the server has no database no_such_database",
      }),
    ]);
  });
});

describe("a pipeline", () => {
  it("is copied, verified, and found different when it is", async () => {
    const run = await cli(["run", file, "--until-caught-up", "--listen", "off", "--json"], env());
    expect([run.code, run.stderr]).toEqual([0, ""]);
    const events = run.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { type: string; state?: string });
    expect(events.map(({ type, state }) => state ?? type)).toEqual(
      expect.arrayContaining(["running", "SYNC", "caught-up", "stopped"]),
    );
    const equal = await cli(["verify", file], env());
    expect([equal.code, equal.stdout]).toEqual([0, "public.orders: equal, 3,000 rows\n"]);

    await target.query("UPDATE orders SET note = 'x' WHERE id = 17");
    await target.query("DELETE FROM orders WHERE id = 18");
    await target.query("INSERT INTO orders VALUES (4000, 'extra')");
    const running = startCli(["run", file, "--listen", "off"], env());
    await running.waitFor(`${name}: running`);
    const different = await cli(["verify", file, "--rows"], env());
    running.child.kill("SIGTERM");
    expect(await running.result).toMatchObject({ code: 0 });
    expect([different.code, different.stdout]).toEqual([
      3,
      "public.orders: 1 missing, 1 extra, 1 different; 3,000 rows at the source, 3,000 at the target\n" +
        "  different id=17: note\n  missing id=18\n  extra id=4000\n" +
        "(missing: at the source, not at the target)\n(extra: at the target, not at the source)\n",
    ]);
    await target.query("UPDATE orders SET note = 'n17' WHERE id = 17");
    await target.query("DELETE FROM orders WHERE id = 4000");
    await target.query("INSERT INTO orders VALUES (18, 'n18')");
  });

  it("is steered over HTTP and ends with 0 on SIGTERM", async () => {
    const listen = `127.0.0.1:${await findFreePort()}`;
    const url = `http://${listen}`;
    const running = startCli(["run", file, "--listen", listen], env());
    await running.waitFor(`${name}: running`);
    expect((await cli(["pause", "--url", url])).stdout).toBe(`${name} is paused\n`);
    expect((await fetch(`${url}/health/ready`)).status).toBe(503);
    expect((await cli(["resume", "--url", url])).stdout).toBe(`${name} is running\n`);
    expect((await cli(["resync", "public.orders", "--url", url])).code).toBe(0);
    await running.waitFor(`${name}: public.orders is in SYNC`);
    expect((await cli(["tables", "--url", url])).stdout).toMatch(
      /^public\.orders +SYNC +100 % +3,000 /m,
    );
    expect(await (await fetch(`${url}/metrics`)).text()).toContain(
      `millrace_table_state{pipeline="${name}",table="public.orders",state="SYNC"} 1`,
    );
    // Twice at once, as who signals a process group does: that is one wish.
    running.child.kill("SIGTERM");
    running.child.kill("SIGINT");
    const { code, stdout, stderr } = await running.result;
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(/^SIG(TERM: .*a second signal|INT: .*Ctrl-C again) ends at once\n$/),
    ]);
    expect(stdout).toContain(`${name}: stopped\n`);
  });

  it("ends with 0 when it is stopped over HTTP", async () => {
    const listen = `127.0.0.1:${await findFreePort()}`;
    const running = startCli(["run", file, "--listen", listen], env());
    await running.waitFor(`${name}: running`);
    expect((await cli(["stop", "--url", `http://${listen}`])).stdout).toBe(`${name} is stopped\n`);
    expect((await running.result).code).toBe(0);
  });

  it("fails with 1 when another process takes over, and says so", async () => {
    const first = startCli(["run", file, "--listen", "off"], env());
    await first.waitFor(`${name}: running`);
    const second = startCli(["run", file, "--listen", "off"], env());
    await source.query("INSERT INTO orders SELECT g, 'late' FROM generate_series(5000, 5100) g");
    const { code, stdout, stderr } = await first.result;
    second.child.kill("SIGTERM");
    await second.result;
    expect(code).toBe(1);
    expect(stdout).toContain(`${name}: fenced\n`);
    expect(stderr.match(/MR_FENCED: /g)).toHaveLength(1);
  });
});

describe("the library", () => {
  it("runs a pipeline given as an object, tells events, and stops by a signal", async () => {
    const object = {
      source: {
        type: "postgres",
        hostname: source.host,
        port: source.port,
        username: source.user,
        password: source.password,
        tables: `${source.database}.public.\\.*`,
      },
      sink: {
        type: "postgres",
        host: target.host,
        port: target.port,
        username: target.user,
        password: target.password,
        database: target.database,
      },
      pipeline: { name },
    };
    const pipeline = await loadPipeline(object);
    const stop = new AbortController();
    const states: string[] = [];
    const heard = (async () => {
      for await (const event of pipeline.events())
        if (event.type === "state") states.push(event.state);
    })();
    await pipeline.start({ signal: stop.signal });
    await expect(pipeline.start()).rejects.toThrow(`MR_USAGE: pipeline ${name} is running already`);
    await pipeline.caughtUp();
    expect(pipeline.status()).toMatchObject({
      pipeline: name,
      state: "running",
      tables: [{ id: "public.orders", state: "SYNC" }],
    });
    await expect(pipeline.resync("public.nope")).rejects.toThrow(
      `MR_NOT_FOUND: pipeline ${name} has no table public.nope`,
    );
    await pipeline.restart();
    await pipeline.caughtUp();
    stop.abort();
    await pipeline.done;
    await heard;
    expect(states).toEqual([
      "starting",
      "running",
      "stopping",
      "stopped",
      "starting",
      "running",
      "stopping",
      "stopped",
    ]);
    await expect(pipeline.pause()).rejects.toThrow("MR_NOT_RUNNING");
  });

  it("is idle and harmless before its start", async () => {
    const pipeline = await loadPipeline(file, { env: env() });
    expect(pipeline.status()).toMatchObject({ state: "stopped", tables: [] });
    await pipeline.stop();
    await pipeline.done;
  });
});
