import { createServer } from "node:net";

/**
 * A port that nobody listens on, below those that systems give to outgoing connections, so that a
 * server that is stopped and started again finds its port free.
 */
export async function findFreePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const port = 16_000 + Math.floor(Math.random() * 16_000);
    if (await canListen(port)) return port;
  }
  throw new Error("No free port between 16000 and 32000.");
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}
