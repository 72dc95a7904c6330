/**
 * The packed npm packages on a machine that has only Node and npm: nothing of the checkout is on the
 * PATH, no install script runs (newer npm runs none), no sources are there.
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findFreePort } from "./support/free-port.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const version = versionOf("millrace");
const execute = promisify(execFile);
let machine: string;

beforeAll(async () => {
  machine = await mkdtemp(join(tmpdir(), "millrace-package-"));
  await mkdir(join(machine, "bin"));
  await symlink(process.execPath, join(machine, "bin", "node"));
  await execute(process.execPath, [join(root, "scripts", "build.mjs"), "--quiet"], { cwd: root });
}, 300_000);

afterAll(() => rm(machine, { recursive: true, force: true }));

/** The environment of a shell in which nobody has heard of our checkout. */
function bareEnvironment(): NodeJS.ProcessEnv {
  const isOurs = (folder: string): boolean =>
    folder.startsWith(root) || folder.includes("node_modules");
  const path = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => !isOurs(folder));
  // Whom the machine trusts is its own matter: npm may have to download.
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|NODE(?!_EXTRA_CA_CERTS)|VITEST|MILLRACE|INIT_CWD)/.test(name),
  );
  return { ...Object.fromEntries(kept), PATH: [join(machine, "bin"), ...path].join(delimiter) };
}

/** Installs the tarball of one package into a project of its own; gives the project's folder. */
async function install(
  name: string,
  { folder = name, env = bareEnvironment() }: { folder?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  const project = join(machine, folder);
  await mkdir(project);
  await writeFile(join(project, "package.json"), JSON.stringify({ private: true, type: "module" }));
  const tarball = join(root, "dist", `${name}-${versionOf(name)}.tgz`);
  const flags = [
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--prefer-offline",
    "--loglevel=error",
    // A download that stalls is asked for again; npm's own patience is five minutes.
    "--fetch-timeout=20000",
    "--fetch-retries=4",
    "--fetch-retry-mintimeout=500",
  ];
  await execute("npm", ["install", ...flags, tarball], { cwd: project, env });
  return project;
}

function versionOf(name: string): string {
  const text = readFileSync(join(root, "packages", name, "package.json"), "utf8");
  const manifest = JSON.parse(text) as { readonly version: string };
  return manifest.version;
}

describe("the packed millrace", () => {
  let project: string;
  beforeAll(async () => {
    project = await install("millrace");
  }, 300_000);

  it("answers `npx millrace version`", async () => {
    const { stdout } = await execute("npx", ["millrace", "version"], {
      cwd: project,
      env: bareEnvironment(),
    });
    expect(stdout).toContain(version);
  });

  it("is a library of three entries", async () => {
    const program = `
      const entries = await Promise.all(["millrace", "millrace/extend", "millrace/testkit"].map((name) => import(name)));
      console.log(JSON.stringify([typeof entries[0].loadPipeline, ...entries.map((entry) => Object.keys(entry).length > 0)]));`;
    const { stdout } = await execute("node", ["--input-type=module", "-e", program], {
      cwd: project,
      env: bareEnvironment(),
    });
    expect(JSON.parse(stdout)).toEqual(["function", true, true, true]);
  });

  it("brings declarations, its licence, and neither sources nor tests", () => {
    const folder = join(project, "node_modules", "millrace");
    const files = readdirSync(folder, { recursive: true }).map(String);
    expect(existsSync(join(folder, "dist", "index.d.ts"))).toBe(true);
    expect(files).toContain("LICENSE");
    const forUs = /\.(test|fixture|bench)\.|\/(testing|simulation)\/|(?<!\.d)\.ts$/;
    expect(files.filter((file) => forUs.test(file))).toEqual([]);
  });
});

describe.each([
  ["dsql-local", { database: "postgres" }],
  ["dynamodb-local", { host: "127.0.0.1" }],
])("the packed %s", (name, said) => {
  it("starts, says where it is in its first line, and ends on SIGTERM", async () => {
    const project = await install(name);
    const program = join(project, "node_modules", ".bin", name);
    const args = ["--json", "--port", String(await findFreePort())];
    const server = spawn(program, args, {
      cwd: dirname(program),
      env: bareEnvironment(),
      stdio: ["ignore", "pipe", "inherit"],
    });
    const exited = once(server, "exit");
    try {
      const [line] = (await once(createInterface(server.stdout), "line")) as [string];
      expect(JSON.parse(line)).toMatchObject({ port: Number(args.at(-1)), ...said });
    } finally {
      server.kill("SIGTERM");
    }
    expect(await exited).toEqual([0, null]);
  }, 120_000);
});

describe("`npx dsql-local` of a user with an empty home", () => {
  it("runs what was installed, and leaves nothing there", async () => {
    const home = await mkdtemp(join(machine, "home-"));
    // What npm has downloaded before need not come again.
    const { stdout: cache } = await execute("npm", ["config", "get", "cache"]);
    const env = { ...bareEnvironment(), HOME: home, npm_config_cache: cache.trim() };
    const project = await install("dsql-local", { folder: "of-a-new-user", env });
    const args = ["--no-install", "dsql-local", "--json", "--port", "0"];
    // A group of its own: npx hands signals on to a shell, not to the program.
    const npx = spawn("npx", args, {
      cwd: project,
      env,
      stdio: ["ignore", "pipe", "inherit"],
      detached: true,
    });
    const exited = once(npx, "exit");
    try {
      const [line] = (await once(createInterface(npx.stdout), "line")) as [string];
      expect(JSON.parse(line)).toMatchObject({ user: "admin", database: "postgres", tls: true });
    } finally {
      process.kill(-(npx.pid ?? 0), "SIGTERM");
    }
    await exited;
    expect(readdirSync(home).filter((name) => name !== ".npm")).toEqual([]);
  }, 300_000);
});
