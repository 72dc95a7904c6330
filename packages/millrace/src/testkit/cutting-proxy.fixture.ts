import type { AddressInfo, Socket } from "node:net";
import { connect, createServer } from "node:net";

/** A TCP proxy in front of a PostgreSQL-speaking server that loses a COMMIT, or its answer. */
export interface CuttingProxy {
  readonly port: number;
  /** The next message of a client that has sent COMMIT before (`before`), or the next answer to one (`after`), is lost. */
  arm(when: "before" | "after"): void;
  close(): Promise<void>;
}

/** Starts a proxy on a free port of the loopback address. */
export async function startCuttingProxy(host: string, port: number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  let armed: "before" | "after" | null = null;
  const server = createServer((client) => {
    const upstream = connect(port, host);
    const cut = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", cut);
      socket.on("close", () => {
        sockets.delete(socket);
        cut();
      });
    }
    client.on("data", (data) => {
      if (armed !== "before") return void upstream.write(data);
      armed = null;
      cut();
    });
    upstream.on("data", (data) => {
      if (armed !== "after" || !data.includes("COMMIT\0")) return void client.write(data);
      armed = null;
      cut();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    arm: (when) => {
      armed = when;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
