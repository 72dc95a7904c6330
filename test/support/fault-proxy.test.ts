import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FaultProxy, startFaultProxy } from "./fault-proxy.ts";
import { FaultStream } from "./fault-stream.ts";

/** What the server got, and how its side of each connection ended. */
interface ServerSide {
  readonly socket: Socket;
  received: Buffer;
  ending: "open" | "end" | "reset" | "closed";
}

let server: Server;
let sides: ServerSide[];
let proxy: FaultProxy;
let clients: Socket[];
/** What the server does with bytes; it sends them back unless a test says otherwise. */
let answer: (side: ServerSide, bytes: Buffer) => void;

beforeEach(async () => {
  sides = [];
  clients = [];
  answer = (side, bytes) => void side.socket.write(bytes);
  server = createServer({ allowHalfOpen: true }, (socket) => {
    const side: ServerSide = { socket, received: Buffer.alloc(0), ending: "open" };
    sides.push(side);
    socket.on("data", (bytes) => {
      side.received = Buffer.concat([side.received, bytes]);
      answer(side, bytes);
    });
    socket.on("end", () => (side.ending = "end"));
    socket.on("error", () => (side.ending = "reset"));
    socket.on("close", () => side.ending === "open" && (side.ending = "closed"));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  proxy = await startFaultProxy({
    host: "127.0.0.1",
    port: (server.address() as AddressInfo).port,
  });
});
afterEach(async () => {
  for (const { socket } of sides) socket.destroy();
  for (const client of clients) client.destroy();
  await proxy.close();
  await new Promise((resolve) => server.close(resolve));
});

/** A client that remembers what came, and how it ended. */
async function open(): Promise<ServerSide> {
  const socket = connect({ host: proxy.host, port: proxy.port, allowHalfOpen: true });
  clients.push(socket);
  const side: ServerSide = { socket, received: Buffer.alloc(0), ending: "open" };
  socket.on("data", (bytes) => (side.received = Buffer.concat([side.received, bytes])));
  socket.on("end", () => (side.ending = "end"));
  socket.on("error", () => (side.ending = "reset"));
  await once(socket, "connect");
  return side;
}

function serverSide(at = 0): ServerSide {
  const side = sides[at];
  if (side === undefined) throw new Error(`No connection ${at} at the server.`);
  return side;
}

/** One whose buffers are full after each write, for a moment. */
class FullSocket extends Socket {
  writes = 0;

  override write(): boolean {
    this.writes += 1;
    setImmediate(() => this.emit("drain"));
    return false;
  }
}

const eventually = (look: () => unknown): ReturnType<typeof expect.poll> =>
  expect.poll(look, { timeout: 5_000, interval: 5 });

function message(type: string, body: string): Buffer {
  const text = Buffer.from(body, "latin1");
  const head = Buffer.alloc(type.length + 4);
  head.write(type, 0, "latin1");
  head.writeInt32BE(text.length + 4, type.length);
  return Buffer.concat([head, text]);
}

const startUp = message("", "\0\x03\0\0user\0me\0replication\0database\0\0");
const query = (sql: string): Buffer => message("Q", `${sql}\0`);
const extended = (name: string): Buffer =>
  Buffer.concat([message("B", `\0${name}\0rest`), message("E", "\0\0\0\0\0")]);
const sync = message("S", "");

describe("a proxy without a plan", () => {
  it("passes on what both sides send, and the end of each", async () => {
    const client = await open();
    client.socket.write("to and fro");
    await eventually(() => client.received.toString()).toBe("to and fro");
    client.socket.end();
    await eventually(() => serverSide().ending).toBe("end");
    serverSide().socket.end("last word");
    await eventually(() => client.ending).toBe("end");
    expect(client.received.toString()).toBe("to and frolast word");
  });

  it("passes on many megabytes unchanged to a slow reader", async () => {
    const client = await open();
    const bytes = Buffer.alloc(4_000_000, "0123456789abcdef");
    client.socket.pause();
    client.socket.write(bytes);
    await sleep(50);
    client.socket.resume();
    await eventually(() => client.received.length).toBe(bytes.length);
    expect(client.received.equals(bytes)).toBe(true);
  });

  it("keeps nothing of the many times that it has waited for a slow reader", async () => {
    const to = new FullSocket();
    const stream = new FaultStream(new Socket(), to);
    for (let times = 0; times < 5; times += 1) stream.push(Buffer.from("more"));
    await new Promise<void>((resolve) => stream.afterwards(resolve));
    expect([to.writes, to.listenerCount("close"), to.listenerCount("drain")]).toEqual([5, 0, 0]);
  });
});

describe("a cut", () => {
  it.each([0, 1, 7, 4096])(
    "at byte %i of what the client sends lets no byte more through",
    async (count) => {
      const armed = proxy.arm({
        fault: { kind: "cut" },
        trigger: { at: "bytes", direction: "up", count },
      });
      // A trigger of zero bytes befalls with the first that is sent.
      const client = await open();
      client.socket.write(startUp);
      client.socket.write(Buffer.alloc(10_000, "x"));
      await armed.wait();
      await eventually(() => client.ending).toBe("reset");
      expect(serverSide().received.length).toBeLessThanOrEqual(count);
    },
  );

  it("at a byte of what the server sends gives the client what came before", async () => {
    const client = await open();
    proxy.arm({ fault: { kind: "cut" }, trigger: { at: "bytes", direction: "down", count: 3 } });
    client.socket.write("echo");
    await eventually(() => client.ending).toBe("reset");
    expect(client.received.toString()).toMatch(/^(ech)?$/);
    await eventually(() => serverSide().ending).not.toBe("open");
  });

  it("befalls only as many connections as it should, and only those it is for", async () => {
    const armed = proxy.arm({
      fault: { kind: "cut" },
      trigger: { at: "query", text: /^SELECT 2/ },
      for: (link) => link.isReplication,
      times: 1,
    });
    const [first, second] = [await open(), await open()];
    for (const client of [first, second]) client.socket.write(startUp);
    first.socket.write(query("SELECT 1"));
    await eventually(() => first.received.length).toBe(startUp.length + query("SELECT 1").length);
    first.socket.write(query("SELECT 2"));
    await eventually(() => first.ending).toBe("reset");
    second.socket.write(query("SELECT 2"));
    await eventually(() => second.received.length).toBe(startUp.length + query("SELECT 2").length);
    expect([armed.fired, second.ending]).toEqual([1, "open"]);
  });
});

describe("a connection that is not cut", () => {
  it("is half-closed towards one side while the other direction goes on", async () => {
    const client = await open();
    client.socket.write("a");
    await eventually(() => client.received.toString()).toBe("a");
    proxy.strike({ kind: "half-close", direction: "down" });
    await eventually(() => client.ending).toBe("end");
    client.socket.write("b");
    await eventually(() => serverSide().received.toString()).toBe("ab");
    expect([client.received.toString(), serverSide().ending]).toEqual(["a", "open"]);
  });

  it("is black-holed: what is sent is taken and gone, and no side hears that the other went away", async () => {
    const client = await open();
    client.socket.write("a");
    await eventually(() => client.received.toString()).toBe("a");
    proxy.strike({ kind: "black-hole" });
    client.socket.write("b");
    serverSide().socket.write("c");
    await sleep(50);
    expect([serverSide().received.toString(), client.received.toString()]).toEqual(["a", "a"]);
    client.socket.resetAndDestroy();
    await sleep(50);
    expect(serverSide().ending).toBe("open");
  });

  it("is black-holed in one direction: the request arrives, the answer does not", async () => {
    const client = await open();
    client.socket.write("a");
    await eventually(() => client.received.toString()).toBe("a");
    proxy.strike({ kind: "black-hole", direction: "down" });
    client.socket.write("b");
    await eventually(() => serverSide().received.toString()).toBe("ab");
    await sleep(30);
    expect(client.received.toString()).toBe("a");
  });

  it("stalls: the sender's window closes", async () => {
    answer = () => {};
    const client = await open();
    client.socket.write("a");
    await eventually(() => serverSide().received.length).toBe(1);
    proxy.strike({ kind: "stall" });
    const large = Buffer.alloc(32_000_000);
    expect(client.socket.write(large)).toBe(false);
    await sleep(100);
    expect([client.socket.writableLength > 0, serverSide().received.length]).toEqual([true, 1]);
  });

  it("is delayed", async () => {
    const client = await open();
    proxy.arm({ fault: { kind: "delay", ms: 60 }, trigger: { at: "now" } });
    const began = performance.now();
    client.socket.write("a");
    await eventually(() => client.received.toString()).toBe("a");
    expect(performance.now() - began).toBeGreaterThan(110);
  });

  it("is throttled", async () => {
    answer = () => {};
    const client = await open();
    client.socket.write("a");
    await eventually(() => serverSide().received.length).toBe(1);
    proxy.strike({ kind: "throttle", bytesPerSecond: 100_000 });
    const began = performance.now();
    client.socket.write(Buffer.alloc(20_000));
    await eventually(() => serverSide().received.length).toBe(20_001);
    expect(performance.now() - began).toBeGreaterThan(150);
  });

  it("is accepted and never answered, where the proxy is told to be silent", async () => {
    proxy.greeting = "silent";
    const client = await open();
    client.socket.write(startUp);
    await sleep(50);
    expect([client.ending, client.received.length, sides.length]).toEqual(["open", 0, 0]);
  });
});

describe("a COMMIT that is lost", () => {
  const isDone = (side: ServerSide): boolean => side.received.includes(sync);

  const pipelined = Buffer.concat([
    message("P", "s1\0UPDATE t\0\0\0"),
    extended("s1"),
    message("P", "s2\0COMMIT\0\0\0"),
    extended("s2"),
    sync,
  ]);

  it("of the extended protocol lands late, after the client was cut, whole and once", async () => {
    answer = (side, bytes) => void (bytes.includes(sync) && side.socket.write("committed"));
    const armed = proxy.arm({
      fault: { kind: "lose-commit", landsAfterMs: 150, client: "cut" },
      trigger: { at: "commit" },
    });
    const client = await open();
    client.socket.write(startUp);
    // In pieces, as large batches come.
    for (let at = 0; at < pipelined.length; at += 7) {
      client.socket.write(pipelined.subarray(at, at + 7));
      await sleep(1);
    }
    await armed.wait();
    await eventually(() => client.ending).toBe("reset");
    const early = serverSide().received.toString("latin1");
    expect([early.includes("UPDATE t"), isDone(serverSide())]).toEqual([true, false]);
    expect(serverSide().received.length).toBe(
      startUp.length + pipelined.length - message("E", "\0\0\0\0\0").length - sync.length,
    );
    await eventually(() => isDone(serverSide())).toBe(true);
    expect(serverSide().received.equals(Buffer.concat([startUp, pipelined]))).toBe(true);
    await eventually(() => serverSide().ending).toBe("end");
  });

  it("is found again where the statement was prepared in an earlier exchange", async () => {
    const client = await open();
    client.socket.write(startUp);
    client.socket.write(pipelined);
    await eventually(() => isDone(serverSide())).toBe(true);
    const armed = proxy.arm({
      fault: { kind: "lose-commit", landsAfterMs: null, client: "cut" },
      trigger: { at: "commit" },
    });
    client.socket.write(Buffer.concat([extended("s2"), sync]));
    await armed.wait();
    await eventually(() => serverSide().ending).not.toBe("open");
    expect(serverSide().received.length).toBeLessThanOrEqual(
      startUp.length + pipelined.length + message("B", "\0s2\0rest").length,
    );
  });

  it("of the simple protocol lands at once, and its answer never comes to a client that is left waiting", async () => {
    const client = await open();
    client.socket.write(startUp);
    const armed = proxy.arm({
      fault: { kind: "lose-commit", landsAfterMs: 0, client: "silent" },
      trigger: { at: "commit" },
    });
    client.socket.write(query("BEGIN"));
    client.socket.write(query("COMMIT"));
    await armed.wait();
    await eventually(() => serverSide().received.includes(query("COMMIT"))).toBe(true);
    await sleep(50);
    expect([client.ending, client.received.includes("COMMIT")]).toEqual(["open", false]);
  });
});
