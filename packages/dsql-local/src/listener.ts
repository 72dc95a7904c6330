/** Listens for clients, and ends their connections after their time. */
import { createServer, type AddressInfo, type Server } from "node:net";
import { Connection, type Reception } from "./session/connection.ts";

const SWEEP_MS = 1_000;

/** A running listener. */
export interface Listener {
  readonly port: number;
  /** Connections that are open now. */
  readonly open: number;
  /** Cuts those that are past their life; also done every second. */
  sweep(): void;
  /** Cuts all. */
  cutAll(): void;
  stop(): Promise<void>;
}

/** Listens; port 0 takes a free one. Rejects when that cannot be. */
export async function listen(host: string, port: number, reception: Reception): Promise<Listener> {
  const connections = new Set<Connection>();
  // A client that has closed its half may still wait for the answers to what it sent.
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    const connection: Connection = new Connection(socket, reception, () => {
      connections.delete(connection);
    });
    connections.add(connection);
    void connection.serve();
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => resolve());
  });
  const sweep = (): void => {
    const nowMs = reception.cluster.nowMs();
    for (const connection of connections) connection.closeIfOld(nowMs);
  };
  const cutAll = (): void => {
    for (const connection of connections) connection.close();
  };
  const timer = setInterval(sweep, SWEEP_MS).unref();
  return {
    port: portOf(server.address()),
    get open() {
      return connections.size;
    },
    sweep,
    cutAll,
    async stop() {
      clearInterval(timer);
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      cutAll();
      await closed;
    },
  };
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === "string") throw new Error("not listening on a port");
  return address.port;
}
