import { once } from "node:events";
import { createServer, Socket } from "node:net";
import { Writer } from "@platformatic/kafka";
import { describe, expect, it, vi } from "vitest";
import { systemClock } from "../model/ports.ts";
import { BrokerConnection } from "./broker-connection.ts";
import { ByteLender } from "./lent-bytes.ts";
import { LARGE_PIECE_BYTES, piecesOf } from "./request-pieces.ts";
import { produceRequest } from "./wire.ts";

/** More than a socket takes at once. */
const MANY_BYTES = 3_000_000;

/** The first request that comes to a server. */
async function readRequest(socket: Socket): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = Infinity;
  for await (const piece of socket) {
    pieces.push(piece as Buffer);
    const all = Buffer.concat(pieces);
    length = all.length < 4 ? Infinity : 4 + all.readInt32BE();
    if (all.length >= length) return all;
  }
  throw new Error(`it ended before its ${length} bytes`);
}

/** A Produce of batches of these sizes as it comes to a broker, over a connection of the library's or one of ours. */
async function produced(sizes: readonly number[], lender: ByteLender | null): Promise<Buffer> {
  const came = Promise.withResolvers<Socket>();
  const server = createServer({ pauseOnConnect: true }, (socket) => came.resolve(socket));
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  const times = { connectTimeoutMs: 5_000, requestTimeoutMs: 60_000 };
  const base = { bootstrap: [], clientId: "test", tls: null, sasl: null, clock: systemClock };
  const link = await BrokerConnection.open(
    { host: "127.0.0.1", port },
    { ...base, ...times },
    lender,
  );
  try {
    const batches = sizes.map((size, partition) => {
      return { topic: "orders", partition, bytes: Buffer.alloc(size, 65 + partition) };
    });
    const how = { version: 9, transactionalId: "task", timeoutMs: 1_000 };
    link.send(produceRequest({ ...how, batches })).catch(() => undefined); // nobody answers here
    return await readRequest(await came.promise);
  } finally {
    await link.close();
    server.close();
  }
}

describe("a request in pieces", () => {
  it.each([
    [[10]],
    [[LARGE_PIECE_BYTES - 1, LARGE_PIECE_BYTES, 10]],
    [[MANY_BYTES]],
    [[100_000, 20, MANY_BYTES, 5_000]],
  ])(
    "comes to a broker as one that the library has put together: batches of %j bytes",
    async (sizes) => {
      const ours = await produced(sizes, new ByteLender());
      expect(ours.equals(await produced(sizes, null))).toBe(true);
    },
  );

  it("is not put together for a connection of ours: its socket gets a large batch by itself", async () => {
    const written = vi.spyOn(Socket.prototype, "write");
    try {
      await produced([MANY_BYTES, 10], new ByteLender());
      const lengths = written.mock.calls.map(([bytes]) => bytes.length);
      expect(lengths).toContain(MANY_BYTES);
    } finally {
      written.mockRestore();
    }
  });

  it("has its batches as they are, and nothing beside them that is no piece of its own", () => {
    const [small, large, last] = [10, LARGE_PIECE_BYTES, 3 * LARGE_PIECE_BYTES].map((size) =>
      Buffer.alloc(size, size % 251),
    );
    const writer = Writer.create().appendInt32(1).appendInt16(2);
    for (const each of [large, small, small, last]) if (each !== undefined) writer.append(each);
    const pieces = piecesOf(writer);
    expect(pieces.map(({ length }) => length)).toEqual([6, large?.length, 20, last?.length]);
    expect([pieces[1] === large, pieces[3] === last]).toEqual([true, true]);
    expect(Buffer.concat(pieces).equals(writer.buffer)).toBe(true);
  });
});
