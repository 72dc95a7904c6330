import { createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CONNECTION_DEFAULTS } from "./config.ts";
import { openConnection } from "./connection.ts";

const ready = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);
const loggedIn = Buffer.concat([Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0]), ready]);
const done = Buffer.concat([Buffer.from("C\0\0\0\u000bSELECT\0", "latin1"), ready]);
const terminated = "SFATAL\0C57P01\0Mterminating connection due to administrator command\0\0";

function errorMessage(fields: string): Buffer {
  const head = Buffer.alloc(5);
  head.write("E");
  head.writeInt32BE(4 + fields.length, 1);
  return Buffer.concat([head, Buffer.from(fields)]);
}

describe("a session of PostgreSQL that is looked at once it is open", () => {
  let server: Server;
  let port = 0;
  let ending: Buffer = Buffer.alloc(0);

  beforeEach(async () => {
    server = createServer((socket) => answer(socket));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    port = typeof address === "object" && address !== null ? address.port : 0;
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  /** Logs in, answers the settings, and goes away when it is asked for more. */
  function answer(socket: Socket): void {
    let heard = 0;
    socket.on("error", () => undefined);
    socket.on("data", () => {
      heard += 1;
      if (heard === 1) socket.write(loggedIn);
      else if (heard === 2) socket.write(done);
      else socket.end(ending);
    });
  }

  // A raw error of the driver's would be a fault of our own to whoever reads the log, and stop the pipeline.
  it.each([
    { how: "without a word", last: Buffer.alloc(0) },
    { how: "and says so", last: errorMessage(terminated) },
  ])("is a lost connection where the server goes away meanwhile, $how", async ({ last }) => {
    ending = last;
    const config = {
      ...CONNECTION_DEFAULTS,
      host: "127.0.0.1",
      port,
      user: "u",
      password: "p",
      database: "d",
      tls: false as const,
      opened: async ({ client }: Awaited<ReturnType<typeof openConnection>>) => {
        await client.query("SELECT 1");
      },
    };
    await expect(openConnection(config)).rejects.toMatchObject({
      code: "MR_SOURCE_LOST_CONNECTION",
    });
  });
});
