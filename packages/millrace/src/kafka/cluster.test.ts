import { type AddressInfo, createServer, type Server } from "node:net";
import { describe, expect, it } from "vitest";
import { type Clock, systemClock } from "../model/ports.ts";
import { Cluster } from "./cluster.ts";
import { KafkaFault } from "./kafka-fault.ts";

/** Time that passes only while somebody sleeps; remembers how long each slept, milliseconds. */
function sleeper(): { readonly clock: Clock; readonly slept: number[] } {
  const slept: number[] = [];
  let nowMs = 0;
  const clock: Clock = {
    now: () => nowMs,
    monotonic: () => nowMs,
    sleep: async (ms) => {
      slept.push(ms);
      nowMs += ms;
      await Promise.resolve();
    },
  };
  return { clock, slept };
}

/** Sleeps between attempts of which the last one goes well. */
async function pausesOf(id: string, failures: number): Promise<readonly number[]> {
  const { clock, slept } = sleeper();
  const cluster = new Cluster({
    bootstrap: [],
    clientId: "test",
    tls: null,
    sasl: null,
    connectTimeoutMs: 1_000,
    requestTimeoutMs: 1_000,
    clock,
  });
  let left = failures;
  const attempt = (): Promise<string> =>
    left-- > 0 ? Promise.reject(new KafkaFault("retriable", id, "of a test")) : Promise.resolve("");
  await cluster.patiently(60_000, attempt);
  return slept;
}

describe("a cluster's patience", () => {
  it("doubles its pauses up to a second", async () => {
    const pauses = await pausesOf("NOT_ENOUGH_REPLICAS", 8);
    expect(pauses).toEqual([20, 40, 80, 160, 320, 640, 1_000, 1_000]);
  });

  it("begins at a millisecond behind a transaction that is being ended", async () => {
    expect(await pausesOf("CONCURRENT_TRANSACTIONS", 5)).toEqual([1, 2, 4, 8, 16]);
  });
});

describe("a broker that is not there", () => {
  async function told(address: AddressInfo | number): Promise<unknown> {
    const port = typeof address === "number" ? address : address.port;
    const cluster = new Cluster({
      bootstrap: [{ host: "127.0.0.1", port }],
      clientId: "test",
      tls: null,
      sasl: null,
      connectTimeoutMs: 5_000,
      requestTimeoutMs: 200,
      clock: systemClock,
    });
    const thrown: unknown = await cluster.abilities().then(
      () => null,
      (fault: unknown) => fault,
    );
    await cluster.close();
    return thrown instanceof KafkaFault ? thrown.message.replace(`:${port}`, ":PORT") : thrown;
  }

  async function listening(server: Server): Promise<AddressInfo> {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no address");
    return address;
  }

  it("is told without codes of systems and libraries", async () => {
    await using silent = createServer((socket) => void socket.resume());
    await using other = createServer((socket) => socket.destroy());
    const gone = createServer();
    const nobody = await listening(gone);
    await gone[Symbol.asyncDispose]();
    expect(await told(nobody)).toBe("nobody listens at 127.0.0.1:PORT");
    const perhaps =
      "perhaps no Kafka is there, or this listener wants TLS (properties.security.protocol)";
    expect(await told(await listening(silent))).toBe(
      `broker 127.0.0.1:PORT has not answered in time; ${perhaps}`,
    );
    expect(await told(await listening(other))).toBe(
      `broker 127.0.0.1:PORT has closed the connection; ${perhaps}`,
    );
  });
});
