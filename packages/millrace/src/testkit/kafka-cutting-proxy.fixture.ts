import type { AddressInfo, Socket } from "node:net";
import { connect, createServer } from "node:net";

const END_TXN = 26;

/** A TCP proxy in front of a Kafka broker that loses the end of a transaction, or its answer. */
export interface KafkaCuttingProxy {
  readonly port: number;
  /** The next EndTxn of a client (`before`), or the answer to it (`after`), is lost, and its connection. */
  arm(when: "before" | "after"): void;
  /** Where the broker is; needed before the first connection. */
  target(address: string): void;
  close(): Promise<void>;
}

/** Starts a proxy on a free port of the loopback address. */
export async function startKafkaCuttingProxy(): Promise<KafkaCuttingProxy> {
  const sockets = new Set<Socket>();
  let armed: "before" | "after" | null = null;
  let target = { host: "", port: 0 };
  const server = createServer((client) => {
    const upstream = connect(target.port, target.host);
    let losesAnswer = false;
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
      // A request of this size comes in one piece.
      const isEnd = data.length >= 6 && data.readInt16BE(4) === END_TXN;
      if (isEnd && armed === "before") {
        armed = null;
        return cut();
      }
      if (isEnd && armed === "after") {
        armed = null;
        losesAnswer = true;
      }
      upstream.write(data);
    });
    upstream.on("data", (data) => {
      if (losesAnswer) cut();
      else client.write(data);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    arm: (when) => {
      armed = when;
    },
    target: (address) => {
      const [host = "", port = ""] = address.split(":");
      target = { host, port: Number(port) };
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
