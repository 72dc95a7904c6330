import { fork } from "node:child_process";
import { once } from "node:events";

/** A table's stream that is served from memory. */
export async function startPlayer(
  page: string,
  shards: number,
  pages: number,
): Promise<{ readonly url: string; stop(): void }> {
  const program = new URL("./stream-player.ts", import.meta.url);
  const child = fork(program, [page, String(shards), String(pages)]);
  const [port] = (await once(child, "message")) as [number];
  return { url: `http://127.0.0.1:${port}`, stop: () => child.disconnect() };
}
