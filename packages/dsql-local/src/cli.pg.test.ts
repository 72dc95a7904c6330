import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { afterEach, describe, expect, it } from "vitest";
import { startDsqlLocal } from "./cluster.ts";
import { readCommand } from "./cli-options.ts";

const CLI = fileURLToPath(new URL("./cli.ts", import.meta.url));

let running: ChildProcess[] = [];
let folders: string[] = [];

afterEach(async () => {
  for (const child of running) child.kill("SIGKILL");
  running = [];
  // The PostgreSQL beneath ends by itself, and writes into its folder until then.
  const served = (): boolean => folders.some((folder) => postgresIn(folder).length > 0);
  for (let waits = 0; waits < 200 && served(); waits += 1) await sleep(50);
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  folders = [];
});

interface Started {
  readonly child: ChildProcess;
  readonly line: Readonly<Record<string, unknown>>;
}

function start(...args: readonly string[]): Promise<Started> {
  return startIn(tmpdir(), ...args);
}

async function startIn(folder: string, ...args: readonly string[]): Promise<Started> {
  const child = spawn(process.execPath, [CLI, "--port", "0", "--json", ...args], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, TMPDIR: folder },
  });
  running.push(child);
  const lines = createInterface({ input: child.stdout });
  const first = await new Promise<string>((resolve, reject) => {
    lines.once("line", resolve);
    lines.once("close", () => reject(new Error("ended without a line")));
  });
  const line: unknown = JSON.parse(first);
  if (typeof line !== "object" || line === null) throw new Error(`not an object: ${first}`);
  return { child, line: { ...line } };
}

function exit(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once("exit", (code) => resolve(code)));
}

async function connect(line: Started["line"]): Promise<pg.Client> {
  const ca = String(line["ca"]);
  const client = new pg.Client({
    host: String(line["host"]),
    port: Number(line["port"]),
    user: String(line["user"]),
    database: String(line["database"]),
    password: "any",
    ...(line["tls"] === true ? { ssl: { ca } } : {}),
  });
  client.on("error", () => {});
  await client.connect();
  return client;
}

/** Processes of PostgreSQL that serve a folder below the given one. */
function postgresIn(part: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => commandOf(pid).includes(part))
    .map(Number);
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

/** A folder for temporary files, which PostgreSQL's own user reads too. It is gone when the test ends. */
function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "dsql-local-test-"));
  folders.push(folder);
  chmodSync(folder, 0o755);
  return folder;
}

/** Folders of temporary clusters in there: each holds its socket. */
function homesIn(folder: string): string[] {
  return readdirSync(folder).filter((name) => existsSync(join(folder, name, ".s.PGSQL.5432")));
}

describe("the command", () => {
  it("ends with npx, which does not hand signals on", async () => {
    const folder = temporaryFolder();
    // As npx starts it: by a shell, which a signal to npx ends.
    const shell = spawn("sh", ["-c", `'${process.execPath}' '${CLI}' --port 0 --json; :`], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, npm_command: "exec", TMPDIR: folder },
    });
    running.push(shell);
    const lines = createInterface({ input: shell.stdout });
    await once(lines, "line");
    expect(homesIn(folder)).toHaveLength(1);
    shell.kill("SIGTERM");
    // Its output is the command's too.
    await once(shell, "close");
    expect(homesIn(folder)).toEqual([]);
  });

  it("ends with 1 and a sentence where its port is taken", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const address = taken.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const child = spawn(process.execPath, [CLI, "--port", String(port)]);
    running.push(child);
    let said = "";
    child.stderr.on("data", (text) => (said += String(text)));
    expect(await once(child, "close")).toEqual([1, null]);
    expect(said).toBe(`dsql-local: port ${port} is taken; use --port N\n`);
    taken.close();
  });

  it("says where it answers, serves over TLS, and SIGTERM ends it and its PostgreSQL", async () => {
    const folder = temporaryFolder();
    const { child, line } = await startIn(folder, "--control", "127.0.0.1:0");
    expect(line).toEqual({
      host: "127.0.0.1",
      port: expect.any(Number),
      user: "admin",
      database: "postgres",
      tls: true,
      ca: expect.stringMatching(/^-----BEGIN CERTIFICATE-----/),
      control: expect.stringMatching(/^http:/),
    });
    const client = await connect(line);
    expect((await client.query("select 1")).rowCount).toBe(1);
    const health = await fetch(`${String(line["control"])}/health`);
    expect(await health.json()).toEqual({ ready: true });
    expect(homesIn(folder)).toHaveLength(1);
    child.kill("SIGTERM");
    expect(await exit(child)).toBe(0);
    expect(homesIn(folder)).toEqual([]);
  });

  it("keeps its data with --data, over SIGTERM and over SIGKILL, and leaves no process behind", async () => {
    const folder = temporaryFolder();
    const data = join(folder, "data");
    const first = await start("--data", data, "--tls", "off");
    let client = await connect(first.line);
    await client.query("create table t (id int primary key)");
    await client.query("insert into t values (1)");
    first.child.kill("SIGKILL");
    await exit(first.child);
    const second = await start("--data", data, "--tls", "off");
    client = await connect(second.line);
    await client.query("insert into t values (2)");
    expect((await client.query("select id from t order by id")).rows).toEqual([
      { id: 1 },
      { id: 2 },
    ]);
    second.child.kill("SIGTERM");
    expect(await exit(second.child)).toBe(0);
    expect(postgresIn(data)).toEqual([]);
    const third = await start("--data", data, "--tls", "off");
    client = await connect(third.line);
    expect((await client.query("select id from t")).rowCount).toBe(2);
    third.child.kill("SIGKILL");
    await exit(third.child);
    await expect.poll(() => postgresIn(data), { timeout: 60_000 }).toEqual([]);
  });
});

describe("a cluster that is kept", () => {
  it("has the same authority at every start, for its owner alone, also with further names", async () => {
    const folder = mkdtempSync(join(tmpdir(), "dsql-local-test-"));
    folders.push(folder);
    chmodSync(folder, 0o755);
    const data = join(folder, "data");
    const first = await start("--data", data);
    first.child.kill("SIGTERM");
    await exit(first.child);
    const second = await start("--data", data, "--host-name", "db.internal");
    expect(second.line["ca"]).toBe(first.line["ca"]);
    const client = await connect({ ...second.line, ca: first.line["ca"] });
    expect((await client.query("select 1")).rowCount).toBe(1);
    const kept = ["dsql-local-ca.pem", "dsql-local-ca.key"];
    expect(kept.map((name) => statSync(join(data, name)).mode & 0o777)).toEqual([0o600, 0o600]);
    second.child.kill("SIGKILL");
    await exit(second.child);
    const third = await start("--data", data);
    await connect({ ...third.line, ca: first.line["ca"] });
  });
});

describe("a folder that PostgreSQL cannot use", () => {
  it("is refused at once, with a reason", async () => {
    const folder = mkdtempSync(join(tmpdir(), "dsql-local-test-"));
    folders.push(folder);
    const data = join(folder, "data");
    writeFileSync(data, "a file");
    await expect(startDsqlLocal({ dataDir: data, tls: "off" })).rejects.toThrow(/./);
    if (process.getuid?.() !== 0) return;
    await expect(startDsqlLocal({ dataDir: join(folder, "other"), tls: "off" })).rejects.toThrow(
      /could not enter this folder/,
    );
  });
});

describe("the command line", () => {
  it("reads its flags", () => {
    const command = readCommand([
      "--port", "0", "--host", "::1", "--auth", "iam", "--tls", "off", "--access-key", "A",
      "--secret-key", "S", "--host-name", "a", "--host-name", "b", "--control", "127.0.0.1:9", "--json",
    ]); // prettier-ignore
    expect(command).toEqual({
      kind: "run",
      json: true,
      options: {
        port: 0, host: "::1", auth: "iam", tls: "off", accessKeyId: "A", secretAccessKey: "S",
        hostNames: ["a", "b"], control: "127.0.0.1:9",
      },
    }); // prettier-ignore
    expect(readCommand([])).toEqual({ kind: "run", json: false, options: { port: 5432 } });
  });

  it("tells all problems at once", () => {
    const args = [
      "--port",
      "x",
      "--auth",
      "none",
      "--tls",
      "maybe",
      "--access-key",
      "A",
      "--profile",
      "2020-01-01",
      "--data",
      "d",
      "--postgres",
      "u",
      "--commit-delay",
      "far",
    ];
    expect(readCommand(args)).toMatchObject({
      kind: "invalid",
      problems: [
        "--port: x is not a port; use 0 to 65535",
        "--auth: none is not one of iam, trust",
        "--tls: maybe is not one of on, off",
        "--access-key and --secret-key go together",
        "--data and --postgres exclude each other",
        "--profile: 2020-01-01 is not one of 2026-09-15, 2026-08-24",
        "--commit-delay: far is not a number of milliseconds",
      ],
    });
    expect(readCommand(["--flood"])).toMatchObject({ kind: "invalid" });
    expect(readCommand(["--help"])).toMatchObject({ kind: "help" });
  });

  it("exits with 2 on a bad flag", async () => {
    const child = spawn(process.execPath, [CLI, "--port", "x"], { stdio: "ignore" });
    expect(await exit(child)).toBe(2);
  });
});
