/** The control port: the switches of control.ts over HTTP, as JSON. */
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Control } from "./control.ts";
import { openApi } from "./openapi.ts";
import { routes, type Reply } from "./routes.ts";
import { NoSuchStream } from "./switches.ts";

const MAX_BODY_BYTES = 64 * 1_024;

/** Answers requests of the control port. */
export function controlListener(control: Control): RequestListener {
  return (request, response) => {
    answer(request, control).then(
      (reply) => send(response, reply),
      (error: unknown) => send(response, failure(error)),
    );
  };
}

function failure(error: unknown): Reply {
  const message = error instanceof Error ? error.message : String(error);
  return { status: error instanceof NoSuchStream ? 404 : 500, body: { error: message } };
}

async function answer(request: IncomingMessage, control: Control): Promise<Reply> {
  const path = (request.url ?? "/").replace(/\?.*$/, "");
  const method = request.method ?? "GET";
  if (method === "GET" && path === "/openapi.json") return { status: 200, body: openApi() };
  for (const route of routes) {
    const part = partOf(route.path, path);
    if (route.method !== method || part === undefined) continue;
    const body = route.body === undefined ? undefined : await readBody(request);
    return route.answer(control, { body, part });
  }
  return { status: 404, body: { error: `no such route: ${method} ${path}` } };
}

/** What `{…}` of a route's path takes, empty where it has none; undefined where the path is another one. */
function partOf(pattern: string, path: string): string | undefined {
  const match = new RegExp(`^${pattern.replace(/\{\w+\}/, "([^/]+)")}$`).exec(path);
  return match === null ? undefined : decodeURIComponent(match[1] ?? "");
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

function send(response: ServerResponse, { status, body }: Reply): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(`${JSON.stringify(body)}\n`);
}
