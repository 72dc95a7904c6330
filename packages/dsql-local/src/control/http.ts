/** The control port: the switches of control.ts over HTTP, as JSON. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Control } from "./control.ts";
import { findRoute, type Reply } from "./routes.ts";

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

async function answer(request: IncomingMessage, control: Control): Promise<Reply> {
  const path = (request.url ?? "/").replace(/\?.*$/, "");
  const method = request.method ?? "GET";
  const found = findRoute(method, path);
  if (found === undefined)
    return { status: 404, body: { error: `no such route: ${method} ${path}` } };
  const body = found.route.body === undefined ? undefined : await readBody(request);
  return found.route.run(control, { body, id: found.id });
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
