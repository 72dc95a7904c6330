// What dsql-local holds in memory: for connections that are open, and for an answer that its client does not read.
import { readFile } from "node:fs/promises";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { DsqlProcess } from "./dsql-process.ts";
import { absolute, atMost, type Figure } from "./report.ts";

const ANSWER_MIB = Number(process.env["BENCH_ANSWER_MIB"] ?? 400);
const MOST_UNREAD_MIB = 64;
const MOST_CONNECTION_KIB = 256;
/** Fewer than the service's burst of 1,000, so that no connection is refused for the rate. */
const AT_ONCE = 50;
const SETTLE_MS = 500;

/** Opens so many connections, each of which runs a statement, and keeps them all until the last one has. */
export async function holdConnections(
  { pid, url }: DsqlProcess,
  wanted: number,
): Promise<Figure[]> {
  const before = await residentMib(pid);
  const began = performance.now();
  const held: pg.Client[] = [];
  while (held.length < wanted) {
    const more = Math.min(AT_ONCE, wanted - held.length);
    held.push(...(await Promise.all(Array.from({ length: more }, () => opened(url)))));
  }
  const seconds = (performance.now() - began) / 1000;
  const answering = await Promise.all(held.map((client) => client.query("SELECT 1 AS one")));
  const each = (((await residentMib(pid)) - before) / wanted) * 1024;
  await Promise.all(held.map((client) => client.end()));
  return [
    absolute("held at once", answering.length, "connections", wanted),
    absolute("opened in", seconds, "s"),
    atMost("memory of each", Math.max(0, each), "KiB", MOST_CONNECTION_KIB),
  ];
}

async function opened(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
}

/** Asks for a large answer, reads nothing of it for a while, and then all of it. */
export async function leaveUnread({ pid, host, port, user }: DsqlProcess): Promise<Figure[]> {
  const socket = connect({ host, port });
  await logIn(socket, user);
  const before = await residentMib(pid);
  socket.pause();
  socket.write(query(`SELECT repeat('x', 1000) FROM generate_series(1, ${ANSWER_MIB * 1000})`));
  let most = before;
  for (let i = 0; i < 8; i++) {
    await sleep(SETTLE_MS / 2);
    most = Math.max(most, await residentMib(pid));
  }
  let readBytes = 0;
  socket.on("data", (chunk: Buffer) => (readBytes += chunk.length));
  socket.resume();
  while (readBytes < ANSWER_MIB * 1_000_000) await once(socket, "data");
  socket.destroy();
  return [
    atMost(`memory beside ${ANSWER_MIB} MB that wait`, most - before, "MiB", MOST_UNREAD_MIB),
  ];
}

/** Any password will do; the answer to it ends in ReadyForQuery. */
async function logIn(socket: Socket, user: string): Promise<void> {
  const parameters = Buffer.from(`user\0${user}\0database\0postgres\0\0`);
  socket.write(Buffer.concat([int32(parameters.length + 8), int32(196_608), parameters]));
  await once(socket, "data");
  socket.write(message("p", "any"));
  let tail = Buffer.alloc(0);
  while (tail.subarray(-6, -5).toString() !== "Z") {
    const [chunk] = (await once(socket, "data")) as [Buffer];
    tail = Buffer.concat([tail, chunk]);
  }
}

function query(sql: string): Buffer {
  return message("Q", sql);
}

function message(type: string, text: string): Buffer {
  const body = Buffer.from(`${text}\0`);
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);
}

function int32(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeInt32BE(value);
  return out;
}

/** What a process holds now; NaN where the system does not say. */
async function residentMib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return Number(/VmRSS:\s*(\d+) kB/.exec(status)?.[1] ?? Number.NaN) / 1024;
}
