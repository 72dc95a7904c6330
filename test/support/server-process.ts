/** A server as a process of ours, of whatever kind: its start, its log and its ends. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { UnixUser } from "./postgres-binaries.ts";
import { type FolderKind, watchOver } from "./server-folder.ts";

/** How long a server may take to start. */
export const readyTimeoutMs = 110_000;
const stopTimeoutMs = 60_000;

/** What stays the same over all starts of a server. */
export interface ServerProcessOptions {
  /** What people call it. */
  readonly name: string;
  readonly kind: FolderKind;
  readonly folder: string;
  readonly user: UnixUser | undefined;
}

/** Runs a server's program again and again in one folder, which is gone when we are, whatever happens. */
export class ServerProcess {
  readonly #options: ServerProcessOptions;
  #server: ChildProcess | undefined;
  #watchdog: ChildProcess | undefined;

  constructor(options: ServerProcessOptions) {
    this.#options = options;
  }

  /** Of the server that runs. */
  get pid(): number | undefined {
    return this.#server?.pid;
  }

  get logFile(): string {
    return join(this.#options.folder, "log");
  }

  /** Starts the program; {@link ready} tells when it serves. */
  spawn(command: readonly string[], timeZone: string): void {
    const { name, kind, folder, user } = this.#options;
    if (this.#server) throw new Error(`${name} is running already.`);
    const log = openSync(this.logFile, "a");
    const [program = "", ...args] = command;
    // A session of its own: Ctrl-C on the test run must not reach it before us.
    const server = spawn(program, args, {
      stdio: ["ignore", log, log],
      cwd: "/",
      env: { LC_ALL: "C", PATH: "/usr/bin:/bin", TZ: timeZone },
      detached: true,
      ...user,
    });
    closeSync(log);
    server.unref();
    this.#server = server;
    this.#watchdog ??= watchOver(kind, folder, user);
  }

  /** Waits until the server serves; one that does not come is ended, and its last words told. */
  async ready(serves: () => Promise<boolean>): Promise<void> {
    const { name, kind } = this.#options;
    const deadline = Date.now() + readyTimeoutMs;
    while (Date.now() < deadline && this.#server && !hasEnded(this.#server)) {
      if (await serves()) return;
      await sleep(10);
    }
    const lastLines = (await this.log()).split("\n").slice(-20).join("\n");
    await this.end(kind.signal);
    throw new Error(`${name} did not start:\n${lastLines}`);
  }

  /** What the server wrote to its log since it was created. */
  log(): Promise<string> {
    return readFile(this.logFile, "utf8");
  }

  /** Sends the signal and waits for the end. */
  async end(signal: NodeJS.Signals): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server || hasEnded(server)) return;
    const exited = once(server, "exit");
    server.ref();
    server.kill(signal);
    const late = setTimeout(() => server.kill("SIGKILL"), stopTimeoutMs);
    await exited;
    clearTimeout(late);
    if (server.signalCode === "SIGKILL" && signal !== "SIGKILL") {
      const { name } = this.#options;
      throw new Error(`${name} did not end within ${stopTimeoutMs} ms of ${signal}.`);
    }
  }

  /** Removes the folder of a server that has ended. */
  async removeFolder(): Promise<void> {
    this.#watchdog?.kill("SIGKILL");
    await rm(this.#options.folder, { recursive: true, force: true });
  }
}

function hasEnded(server: ChildProcess): boolean {
  return server.exitCode !== null || server.signalCode !== null;
}
