import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sharedPostgres, startPostgres, type PostgresServer } from "./postgres.ts";
import { isAlive } from "./processes.ts";

describe.each([13, 18] as const)("the shared PostgreSQL %i", (version) => {
  it("is of that version, decodes its log, and gives every caller a database of its own", async () => {
    await using one = await sharedPostgres(version);
    await using other = await sharedPostgres(version);
    const [row] = await one.query(
      "SELECT current_setting('server_version_num')::int / 10000 AS major, current_setting('wal_level') AS wal",
    );
    expect(row).toEqual({ major: version, wal: "logical" });
    expect(one.port).toBe(other.port);
    expect(one.database).not.toBe(other.database);
  });

  it("is UTF8 with the locale C", async () => {
    await using shared = await sharedPostgres(version);
    const [row] = await shared.query(
      "SELECT pg_encoding_to_char(encoding) AS encoding, datcollate FROM pg_database WHERE datname = current_database()",
    );
    expect(row).toEqual({ encoding: "UTF8", datcollate: "C" });
  });

  it("drops databases, sessions and slots on release", async () => {
    await using witness = await sharedPostgres(version);
    const shared = await sharedPostgres(version);
    const second = new pg.Client({ connectionString: await shared.createDatabase("second") });
    const dropped = new Promise((resolve) => second.once("error", resolve));
    second.on("error", () => undefined);
    await second.connect();
    const slot = `kept_${shared.database}`;
    await second.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [slot]);
    await shared.release();
    expect(String(await dropped)).toMatch(/terminat/);
    const left = await witness.query(
      "SELECT slot_name AS name FROM pg_replication_slots WHERE slot_name = $1 UNION ALL SELECT datname FROM pg_database WHERE datname = $2",
      [slot, shared.database],
    );
    expect(left).toEqual([]);
  });
});

describe("a PostgreSQL of one's own", () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres({ settings: { work_mem: "5MB" }, files: { "x/secret": "s" } });
  });
  afterAll(() => server.stop());

  it("takes settings, at the start and at a restart, and keeps port and data", async () => {
    await server.query("CREATE TABLE kept AS SELECT 42 AS n");
    expect(await server.query("SHOW work_mem")).toEqual([{ work_mem: "5MB" }]);
    await server.restart({ work_mem: "6MB" });
    expect(await server.query("SHOW work_mem")).toEqual([{ work_mem: "6MB" }]);
    expect(await server.query("SELECT n FROM kept")).toEqual([{ n: 42 }]);
  });

  it("is gone with all its processes after kill, and recovers at start", async () => {
    const client = new pg.Client({ connectionString: server.url });
    const lost = once(client, "error");
    client.on("error", () => undefined);
    await client.connect();
    const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
    await server.kill();
    await lost;
    expect(rows.map(({ pid }) => isAlive(pid))).toEqual([false]);
    await expect(server.query("SELECT 1")).rejects.toThrow(/ECONNREFUSED/);
    await server.start();
    expect(await server.query("SELECT 1 AS one")).toEqual([{ one: 1 }]);
    expect(await server.log()).toContain("automatic recovery in progress");
  });
});

describe("a PostgreSQL that was killed and removed", () => {
  it("leaves no folder and no shared memory", async () => {
    const killed = await startPostgres();
    const pidFile = readFileSync(join(killed.dataDir, "postmaster.pid"), "utf8");
    const segment = pidFile.split("\n")[6]?.trim().split(/\s+/)[1] ?? "none";
    await killed.kill();
    await killed.stop();
    expect(existsSync(killed.dataDir)).toBe(false);
    const { stdout } = await promisify(execFile)("ipcs", ["-m"]);
    expect(segment).toMatch(/^\d+$/);
    expect(stdout).not.toMatch(new RegExp(`\\s${segment}\\s`));
  });
});

describe("a PostgreSQL whose owner was killed", () => {
  it("ends and removes its data", async () => {
    const program = fileURLToPath(new URL("own-postgres.fixture.ts", import.meta.url));
    const owner = spawn(process.execPath, [program], { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = (await once(owner.stdout, "data")) as [Buffer];
    const { dataDir, url } = JSON.parse(String(line)) as { dataDir: string; url: string };
    expect(existsSync(dataDir)).toBe(true);
    owner.kill("SIGKILL");
    await expect.poll(() => existsSync(dataDir), { timeout: 60_000 }).toBe(false);
    await expect(new pg.Client({ connectionString: url }).connect()).rejects.toThrow(
      /ECONNREFUSED/,
    );
  });
});
