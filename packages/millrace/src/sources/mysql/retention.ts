import type { Clock } from "../../model/ports.ts";
import type { SourceRetention } from "../../model/source.ts";
import type { Queryable } from "./connection.ts";
import { compareOffsets, type LogOffset } from "./transaction-id.ts";

/** A file of the log. */
export interface LogFile {
  /** The number at the end of its name. */
  readonly file: number;
  readonly bytes: number;
}

/** The files that the server still has, the oldest first. */
export async function readLogFiles(client: Queryable): Promise<readonly LogFile[]> {
  const rows = await client.query("SHOW BINARY LOGS");
  return rows.map(([name, bytes]) => {
    return { file: Number(/\.(\d+)$/.exec(name ?? "")?.[1] ?? 0), bytes: Number(bytes) };
  });
}

/** Bytes of log between two places; null where a file between them is gone, or not known yet. */
export function bytesBetween(
  files: readonly LogFile[],
  from: LogOffset,
  to: LogOffset,
): number | null {
  if (compareOffsets(from, to) >= 0) return 0;
  if (from.file === to.file) return to.at - from.at;
  const whole = files.filter(({ file }) => file >= from.file && file < to.file);
  if (whole.length !== to.file - from.file) return null;
  return whole.reduce((sum, { bytes }) => sum + bytes, to.at - from.at);
}

const AGE_HOLDS_MS = 60_000;

/** How long the server keeps its log, asked for once a minute: the server goes through all of its settings for it. */
export class PurgeAge {
  readonly #clock: Pick<Clock, "monotonic">;
  #askedMs = Number.NEGATIVE_INFINITY;
  #seconds: number | null = null;

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
  }

  /** Seconds; null is for ever. */
  async read(client: Queryable): Promise<number | null> {
    const nowMs = this.#clock.monotonic();
    if (nowMs - this.#askedMs < AGE_HOLDS_MS) return this.#seconds;
    this.#seconds = await readPurgeAge(client);
    this.#askedMs = nowMs;
    return this.#seconds;
  }
}

/**
 * What the server still has from `from` on; null where it has lost that. Nothing is kept for us: files go by their age
 * or size, whoever has read them. Cheap: one look at each file's size, which `seen` is told of.
 */
export async function readRetention(
  client: Queryable,
  from: LogOffset,
  age: Pick<PurgeAge, "read">,
  seen: (files: readonly LogFile[]) => void = () => undefined,
): Promise<SourceRetention | null> {
  const files = await readLogFiles(client);
  seen(files);
  const last = files.at(-1);
  if (last === undefined) return null;
  const retainedBytes = bytesBetween(files, from, { file: last.file, at: last.bytes });
  if (retainedBytes === null || !files.some(({ file }) => file === from.file)) return null;
  const [row] = await client.query("SELECT ROUND(UNIX_TIMESTAMP(NOW(3)) * 1000)");
  const expireSeconds = await age.read(client);
  const kept = { retainedBytes, acknowledgedBytes: 0, limitBytes: null, timeMs: Number(row?.[0]) };
  return expireSeconds === null ? kept : { ...kept, expireSeconds };
}

/** How long the server keeps its log, seconds; null is for ever. */
export async function readPurgeAge(client: Queryable): Promise<number | null> {
  const rows = await client.query(
    "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('binlog_expire_logs_seconds', 'binlog_expire_logs_auto_purge')",
  );
  const settings = new Map(rows.map(([name, value]) => [name, value]));
  const seconds = Number(settings.get("binlog_expire_logs_seconds") ?? 0);
  return seconds === 0 || settings.get("binlog_expire_logs_auto_purge") === "OFF" ? null : seconds;
}
