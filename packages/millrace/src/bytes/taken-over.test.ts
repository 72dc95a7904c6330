import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { TcpBytes } from "./tcp-bytes.ts";
import { TlsBytes } from "./tls-bytes.ts";

const lost = { code: "MR_SOURCE_LOST_CONNECTION" };
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Who waits for ever gets null. */
function firstOf(read: Promise<number>): Promise<number | null> {
  return Promise.race([read, new Promise<null>((resolve) => setTimeout(resolve, 500, null))]);
}

describe("a connection that was closed before it is taken over", () => {
  it("fails the first read, as nobody would ever say again that it is closed", async () => {
    const tcp = new TcpBytes();
    tcp.socket.destroy();
    await turn();
    tcp.takeOver();
    await expect(firstOf(tcp.read(Buffer.alloc(8), 0))).rejects.toMatchObject(lost);
  });

  it("does so where it is encrypted, too", async () => {
    const stream = new PassThrough();
    stream.destroy();
    await turn();
    const tls = new TlsBytes(stream);
    await expect(firstOf(tls.read(Buffer.alloc(8), 0))).rejects.toMatchObject(lost);
  });
});
