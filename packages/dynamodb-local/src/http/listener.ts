/** A port of this machine. */
import { createServer, type RequestListener } from "node:http";

/** A running port. */
export interface Listener {
  readonly host: string;
  readonly port: number;
  stop(): Promise<void>;
}

/**
 * Connections rest so long before they are ended, ms. Node's five seconds end them under a busy test's feet, whose next request is on its
 * way already.
 */
const KEEP_ALIVE_MS = 600_000;

/** Listens; rejects when that cannot be. */
export async function listen(
  host: string,
  port: number,
  onRequest: RequestListener,
): Promise<Listener> {
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, onRequest);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => resolve());
  });
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("not listening on a port");
  return {
    host,
    port: bound.port,
    stop() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** Reads `ADDR:PORT`, or a port alone. Throws where it is neither. */
export function readAddress(address: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[?([^\]]*)\]?:)?(\d+)$/.exec(address);
  if (match === null) throw new Error(`--control: ${address} is not ADDR:PORT`);
  return { host: match[1] || "127.0.0.1", port: Number(match[2]) };
}
