import { fork } from "node:child_process";
import { once } from "node:events";
import { openDump } from "../../packages/millrace/src/sources/mysql/binlog-dump.ts";
import {
  CONNECTION_DEFAULTS,
  type MysqlConnectionConfig,
} from "../../packages/millrace/src/sources/mysql/config.ts";
import { Framing } from "../../packages/millrace/src/sources/mysql/event-reader.ts";
import type { MysqlDatabase } from "../../test/support/mysql.ts";

/** A stretch of a server's log that is played from memory to whoever asks for it. */
export interface RecordedLog {
  readonly connection: MysqlConnectionConfig;
  readonly fileName: string;
  readonly from: number;
  /** Where its last event ends. */
  readonly end: number;
}

/** The server as it looks through the process that plays its log. */
export interface LogPlayer extends AsyncDisposable {
  readonly connection: MysqlConnectionConfig;
}

/** Starts the player of a server's log. */
export async function startPlayer(server: MysqlDatabase): Promise<LogPlayer> {
  const file = new URL("dump-player.ts", import.meta.url).pathname;
  const child = fork(file, [String(server.port)]);
  const [port] = (await once(child, "message")) as [number];
  const { host, user, password } = server;
  return {
    connection: { ...CONNECTION_DEFAULTS, host, port, user, password },
    [Symbol.asyncDispose]: async () => {
      child.disconnect();
      await once(child, "exit");
    },
  };
}

/** Takes down what `write` has the server log; all of it lies in one file. */
export async function recordLog(
  server: MysqlDatabase,
  { connection }: LogPlayer,
  write: () => Promise<void>,
): Promise<RecordedLog> {
  await server.query("FLUSH BINARY LOGS");
  const begin = await server.binlogEnd();
  await write();
  const end = await server.binlogEnd();
  if (end.file !== begin.file) throw new Error("the server went on to another file meanwhile");
  const log = { connection, fileName: begin.file, from: begin.position, end: end.position };
  await readFrames(log);
  return log;
}

/** Reads the stretch to its end and splits it into events, whose checksums are looked at, and nothing else. */
export async function readFrames({ connection, fileName, from, end }: RecordedLog): Promise<void> {
  const { connection: session, reader } = await openDump(connection, {
    start: { fileName, at: from },
    serverId: anyServerId(),
    uuid: crypto.randomUUID(),
    heartbeatMs: 60_000,
  });
  // The server was asked for them.
  reader.hasChecksums = true;
  while (reader.endsAt !== end) if (reader.advance() === Framing.MORE) await reader.fill();
  session.destroy();
}

/** One that no server here has. */
export function anyServerId(): number {
  return 3_000_000_000 + Math.floor(Math.random() * 1_000_000_000);
}
