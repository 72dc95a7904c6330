import { fork } from "node:child_process";
import { once } from "node:events";

/** How a stream is served. */
export interface Pace {
  /** Of a shard, at most; 0 for no bound. */
  readonly readsPerSecond: number;
  /** Between a question and its answer, milliseconds. */
  readonly lateMs: number;
}

const AT_ONCE: Pace = { readsPerSecond: 0, lateMs: 0 };

/** A table's stream that is served from memory. */
export async function startPlayer(
  page: string,
  shards: number,
  pages: number,
  { readsPerSecond, lateMs }: Pace = AT_ONCE,
): Promise<{ readonly url: string; stop(): void }> {
  const program = new URL("./stream-player.ts", import.meta.url);
  const numbers = [shards, pages, readsPerSecond, lateMs];
  const child = fork(program, [page, ...numbers.map(String)]);
  const [port] = (await once(child, "message")) as [number];
  return { url: `http://127.0.0.1:${port}`, stop: () => child.disconnect() };
}
