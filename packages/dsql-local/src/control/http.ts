/** The control port: the switches of control.ts over HTTP, as JSON. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Control } from "./control.ts";
import { readDelays, readFault } from "./read-fault.ts";

const MAX_BODY_BYTES = 64 * 1024;

/** A running control port. */
export interface ControlPort {
  readonly host: string;
  readonly port: number;
  stop(): Promise<void>;
}

/** Listens at `ADDR:PORT`. Rejects when that cannot be. */
export async function listenControl(address: string, control: Control): Promise<ControlPort> {
  const { host, port } = parseAddress(address);
  const server: Server = createServer((request, response) => {
    answer(request, control).then(
      (reply) => send(response, reply.status, reply.body),
      (error: unknown) => send(response, 500, { error: messageOf(error) }),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => resolve());
  });
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("not listening on a port");
  return {
    host,
    port: bound.port,
    stop() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function parseAddress(address: string): { host: string; port: number } {
  const match = /^(?:\[?([^\]]*)\]?:)?(\d+)$/.exec(address);
  if (match === null) throw new Error(`--control: ${address} is not ADDR:PORT`);
  return {
    host: match[1] === undefined || match[1] === "" ? "127.0.0.1" : match[1],
    port: Number(match[2]),
  };
}

interface Reply {
  readonly status: number;
  readonly body: unknown;
}

async function answer(request: IncomingMessage, control: Control): Promise<Reply> {
  const path = (request.url ?? "/").replace(/\?.*$/, "");
  const route = `${request.method ?? "GET"} ${path}`;
  switch (route) {
    case "GET /health":
      return { status: 200, body: { ready: true } };
    case "GET /counters":
      return { status: 200, body: control.counters() };
    case "GET /faults":
      return { status: 200, body: control.faults() };
    case "POST /faults":
      return inject(await readBody(request), control);
    case "DELETE /faults":
      control.clearFaults();
      return { status: 200, body: {} };
    case "POST /delays":
      return setDelays(await readBody(request), control);
    case "POST /clock":
      return shift(await readBody(request), control);
    case "DELETE /connections":
      control.cutConnections();
      return { status: 200, body: {} };
    case "POST /reset":
      await control.reset();
      return { status: 200, body: {} };
    default:
      return removeOne(route, control);
  }
}

function removeOne(route: string, control: Control): Reply {
  const match = /^DELETE \/faults\/(\d+)$/.exec(route);
  if (match === null) return { status: 404, body: { error: `no such route: ${route}` } };
  control.clearFaults(Number(match[1]));
  return { status: 200, body: {} };
}

function inject(body: unknown, control: Control): Reply {
  const { fault, problem } = readFault(body);
  if (fault === undefined) return { status: 400, body: { error: problem } };
  return { status: 201, body: { id: control.inject(fault) } };
}

function setDelays(body: unknown, control: Control): Reply {
  const { delays, problem } = readDelays(body);
  if (delays === undefined) return { status: 400, body: { error: problem } };
  control.setDelays(delays);
  return { status: 200, body: delays };
}

function shift(body: unknown, control: Control): Reply {
  const ms =
    typeof body === "object" && body !== null && "shiftMs" in body ? body.shiftMs : undefined;
  if (typeof ms !== "number" || !Number.isFinite(ms)) {
    return { status: 400, body: { error: "shiftMs must be a number of milliseconds" } };
  }
  control.shiftClock(ms);
  return { status: 200, body: {} };
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) continue;
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  try {
    const parsed: unknown = JSON.parse(Buffer.concat(chunks).toString("utf8"));
    return parsed;
  } catch {
    return undefined;
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(`${JSON.stringify(body)}\n`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
