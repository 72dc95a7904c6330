/** What befalls a connection at servers that are no brokers, or bad ones: told in the same words as the library's own are. */
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../model/ports.ts";
import { BrokerConnection } from "./broker-connection.ts";
import type { ClusterOptions } from "./cluster-options.ts";
import { KafkaFault } from "./kafka-fault.ts";
import { ByteLender } from "./lent-bytes.ts";
import { fetchRequest } from "./wire.ts";

const FETCH = fetchRequest({
  topic: "orders",
  topicId: null,
  partition: 0,
  offset: 0,
  maxWaitMs: 0,
  maxBytes: 1_000_000,
});

let server: Server | null = null;
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server?.close();
});

/** Listens, and does this with whatever it is sent. */
async function serverThat(takes: (socket: Socket, correlationId: Buffer) => void): Promise<number> {
  server = createServer((socket) => {
    sockets.push(socket.on("error", () => undefined));
    socket.on("data", (request: Buffer) => takes(socket, request.subarray(8, 12)));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  return typeof address === "object" ? (address?.port ?? 0) : 0;
}

/** What comes of a Fetch there, over a connection of the library's or one of ours; and whether the connection is still open. */
async function asked(
  port: number,
  lender: ByteLender | null,
  given: Partial<ClusterOptions> = {},
): Promise<{ kind: string; id: string; message: string; isOpen: boolean }> {
  const times = { connectTimeoutMs: 30_000, requestTimeoutMs: 30_000 };
  const base = { bootstrap: [], clientId: "test", tls: null, sasl: null, clock: systemClock };
  let link: BrokerConnection | null = null;
  try {
    link = await BrokerConnection.open(
      { host: "127.0.0.1", port },
      { ...base, ...times, ...given },
      lender,
    );
    await link.send(FETCH);
    throw new Error("it was answered");
  } catch (thrown) {
    if (!(thrown instanceof KafkaFault)) throw thrown;
    const { kind, id, message } = thrown;
    return { kind, id, message, isOpen: link?.isOpen ?? false };
  } finally {
    await link?.close();
  }
}

describe("a connection that reads into lent bytes", () => {
  it.each([
    ["answers nothing", () => undefined, { requestTimeoutMs: 300 }],
    ["hangs up", (socket: Socket) => void socket.destroy(), {}],
    ["says that it has nothing more to say", (socket: Socket) => void socket.end(), {}],
    [
      "hangs up in the middle of an answer",
      (socket: Socket, id: Buffer) => {
        socket.write(Buffer.concat([Buffer.from([0, 3, 0, 0]), id, Buffer.alloc(9_000)]));
        setTimeout(() => socket.destroy(), 20);
      },
      {},
    ],
    [
      "wants TLS",
      (socket: Socket) => void socket.write(Buffer.from([0x15, 3, 3, 0, 2, 2, 70])),
      {},
    ],
    ["has no TLS", (socket: Socket) => void socket.destroy(), { tls: {} }],
    [
      "says nothing at a login",
      () => undefined,
      {
        connectTimeoutMs: 300,
        requestTimeoutMs: 5_000,
        sasl: { mechanism: "PLAIN", username: "a", password: "b" },
      },
    ],
  ] as const)(
    "fails as the library's does where the other side %s",
    async (_what, takes, given) => {
      const port = await serverThat(takes);
      const theirs = await asked(port, null, given);
      const ours = await asked(port, new ByteLender(), given);
      expect(ours).toEqual(theirs);
      expect(ours.isOpen).toBe(false);
    },
  );

  it("fails as the library's does where nobody listens", async () => {
    const port = await serverThat(() => undefined);
    await new Promise((resolve) => server?.close(resolve));
    expect(await asked(port, new ByteLender())).toEqual(await asked(port, null));
  });

  it.each([
    ["an answer that nobody asked for", Buffer.from([0, 0, 0, 6, 0x7f, 0, 0, 9, 0, 0])],
    ["a page", Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n")],
  ])("is closed at once by %s", async (_what, bytes) => {
    const port = await serverThat((socket) => void socket.write(bytes));
    const patient = { requestTimeoutMs: 60_000 };
    expect(await asked(port, new ByteLender(), patient)).toMatchObject({
      kind: "connection",
      isOpen: false,
    });
  });

  it("tells everybody who waits that it was closed", async () => {
    const port = await serverThat(() => undefined);
    const link = await BrokerConnection.open(
      { host: "127.0.0.1", port },
      {
        bootstrap: [],
        clientId: "test",
        tls: null,
        sasl: null,
        connectTimeoutMs: 5_000,
        requestTimeoutMs: 60_000,
        clock: systemClock,
      },
      new ByteLender(),
    );
    const all = Array.from({ length: 3 }, () => link.send(FETCH));
    const told = Promise.allSettled(all);
    await new Promise((resolve) => setImmediate(resolve));
    await link.close();
    for (const each of await told)
      expect(each).toMatchObject({ status: "rejected", reason: { kind: "connection" } });
    await expect(link.send(FETCH)).rejects.toMatchObject({ kind: "connection" });
  });
});
