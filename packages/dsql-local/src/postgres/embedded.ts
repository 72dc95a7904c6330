/**
 * An embedded PostgreSQL of our own: made once as a template, copied and started in a few hundred
 * milliseconds, reachable only by a Unix socket, and ended with us even when we are killed.
 */
import { existsSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  awaitPredecessor,
  copyTree,
  ownedTemp,
  prepareKept,
  run,
  sharedFolder,
} from "./folders.ts";
import { findPrograms, serverUser, type Programs, type UnixUser } from "./programs.ts";
import { ServerProcess } from "./server-process.ts";
import type { SocketPath } from "./target.ts";

/** A running embedded PostgreSQL. */
export interface EmbeddedPostgres {
  readonly address: SocketPath;
  /** A folder that goes when it ends, even when we are killed. */
  readonly home: string;
  /** Starts it again where it was killed. Rejects when that cannot be now. */
  revive(): Promise<void>;
  /** Ends it; a cluster without a data folder of its own is removed. */
  stop(): Promise<void>;
}

/** How to start one. */
export interface EmbeddedOptions {
  /** Kept over restarts, with fsync; a temporary one without when left out. */
  readonly dataDir: string | undefined;
  readonly maxConnections: number;
  /** Called once on a fresh server to fill the template. */
  readonly prepare: (address: SocketPath) => Promise<void>;
  /** Part of the template's name: changes when `prepare` does. */
  readonly prepareKey: string;
}

/** Starts a PostgreSQL. Throws with its log's last lines when it does not come up. */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const user = serverUser();
  const shared = await sharedFolder(user);
  const programs = findPrograms(user, shared);
  const template = await ensureTemplate(programs, user, shared, options);
  const home = await ownedTemp(user);
  try {
    return await startIn(home, programs, user, template, options);
  } catch (error) {
    await rm(home, { recursive: true, force: true });
    throw error;
  }
}

async function startIn(
  home: string,
  programs: Programs,
  user: UnixUser | undefined,
  template: string,
  options: EmbeddedOptions,
): Promise<EmbeddedPostgres> {
  const kept = options.dataDir;
  const data = kept ?? join(home, "data");
  if (kept === undefined || !existsSync(join(kept, "PG_VERSION"))) {
    if (kept !== undefined) prepareKept(kept, user);
    await copyTree(template, data);
  }
  if (kept !== undefined) await awaitPredecessor(kept);
  const server = new ServerProcess(programs, user, { home, data, kept: kept !== undefined });
  await server.start(options.maxConnections);
  return server;
}

async function ensureTemplate(
  programs: Programs,
  user: UnixUser | undefined,
  shared: string,
  options: EmbeddedOptions,
): Promise<string> {
  const template = join(shared, `template-${programs.version}-${options.prepareKey}`);
  if (existsSync(template)) return template;
  const data = join(shared, `making-${process.pid}-${Date.now()}`);
  try {
    await makeTemplate(programs, user, data, options);
    await settle(data, template);
  } finally {
    await rm(data, { recursive: true, force: true });
  }
  return template;
}

async function makeTemplate(
  programs: Programs,
  user: UnixUser | undefined,
  data: string,
  options: EmbeddedOptions,
): Promise<void> {
  const home = await ownedTemp(user);
  await run(programs.initdb, ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
    "--locale=C", "--no-sync", "--wal-segsize=4"], user); // prettier-ignore
  const server = new ServerProcess(programs, user, { home, data, kept: true });
  await server.start(10);
  await options.prepare(server.address);
  await server.stop();
}

/** The first of several processes wins; the others drop theirs. */
async function settle(made: string, template: string): Promise<void> {
  try {
    await rename(made, template);
  } catch (error) {
    if (!existsSync(template)) throw error;
    await rm(made, { recursive: true, force: true });
  }
}
