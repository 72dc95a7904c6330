/**
 * The freshly initialised data folder of each version, made once and copied for every server:
 * a copy takes 60 ms in memory, initdb 1 s.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { PostgresBinaries, PostgresVersion, UnixUser } from "./postgres-binaries.ts";
import { giveTo } from "./server-folder.ts";

const cacheFolder = fileURLToPath(new URL("../../.cache/postgres/", import.meta.url));

/** Raise it when the arguments of initdb below change, so that old templates are left alone. */
const templateRevision = 1;

/**
 * Fills `target` (which must not exist) with a copy of the template of `version`, owned by `user`;
 * gives the password of its superuser `postgres`.
 */
export async function copyTemplate(
  version: PostgresVersion,
  binaries: PostgresBinaries,
  user: UnixUser | undefined,
  target: string,
): Promise<string> {
  const template = join(cacheFolder, `${version}-r${templateRevision}`);
  const password = await readFile(join(template, "password"), "utf8").catch(() =>
    makeTemplate(template, binaries, user),
  );
  await cp(join(template, "data"), target, { recursive: true, preserveTimestamps: true });
  await chmod(target, 0o700);
  if (user) await giveTo(user, target);
  return password;
}

/** Runs initdb in a folder of its own and moves the result into the cache; the first of several racers wins. */
async function makeTemplate(
  template: string,
  binaries: PostgresBinaries,
  user: UnixUser | undefined,
): Promise<string> {
  const password = randomBytes(12).toString("hex");
  const work = await mkdtemp(join(tmpdir(), "millrace-initdb-"));
  try {
    await writeFile(join(work, "pw"), password);
    if (user) await giveTo(user, work);
    await runInitdb(binaries, user, join(work, "data"), join(work, "pw"));
    await publish(work, password, template);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return readFile(join(template, "password"), "utf8");
}

async function publish(work: string, password: string, template: string): Promise<void> {
  await mkdir(cacheFolder, { recursive: true });
  const staged = await mkdtemp(join(cacheFolder, "staged-"));
  await cp(join(work, "data"), join(staged, "data"), { recursive: true });
  await writeFile(join(staged, "password"), password, { mode: 0o600 });
  try {
    await rename(staged, template);
  } catch {
    // Another process was first; its template and its password are the ones that count.
    await rm(staged, { recursive: true, force: true });
  }
}

function runInitdb(
  binaries: PostgresBinaries,
  user: UnixUser | undefined,
  data: string,
  passwordFile: string,
): Promise<void> {
  const args = ["-D", data, "-U", "postgres", "-A", "scram-sha-256", `--pwfile=${passwordFile}`];
  args.push("-E", "UTF8", "--locale=C", "--no-sync");
  return new Promise((resolve, reject) => {
    const child = spawn(binaries.initdb, args, {
      stdio: ["ignore", "ignore", "pipe"],
      cwd: "/",
      env: { LC_ALL: "C", PATH: "/usr/bin:/bin" },
      ...user,
    });
    let stderr = "";
    child.stderr.on("data", (text) => (stderr += String(text)));
    child.on("error", reject);
    child.on("close", (code) =>
      code === 0 ? resolve() : reject(new Error(`initdb: ${stderr.trim()}`)),
    );
  });
}
