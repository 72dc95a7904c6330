import { readFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { MillraceError } from "../errors/millrace-error.ts";
import { isLoopbackAddress } from "./access.ts";
import { createApp } from "./app.ts";
import type { AppParts } from "./app.ts";
import { Watcher } from "./dashboard/watcher.ts";

/** Lag over which `/health/ready` says no. */
const MAX_READY_LAG_MS = 60_000;

/** How long answers under way may take when the listener closes. */
const CLOSE_GRACE_MS = 1000;
const IDLE_LOOK_MS = 20;

/** Where to listen and who may ask. */
export interface ListenOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** File with the bearer token; needed for any address that other machines reach. */
  readonly tokenFile?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

/** What the listener serves. */
export type ServerParts = Pick<AppParts, "pipelines" | "metrics" | "version" | "beatMs"> & {
  readonly listen: ListenOptions;
};

/** A running listener. */
export interface Server {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Opens the listener.
 * @throws MillraceError MR_LISTEN: the address is taken, or other machines could reach it without a token.
 */
export async function startServer({
  listen,
  pipelines,
  metrics,
  version,
  ...rest
}: ServerParts): Promise<Server> {
  const token = tokenFor(listen);
  const tls = tlsFiles(listen);
  const watcher = new Watcher(pipelines, { metrics });
  const closing = new AbortController();
  const parts = {
    ...rest,
    pipelines,
    metrics,
    token,
    maxLagMs: MAX_READY_LAG_MS,
    version,
    watcher,
  };
  const app = createApp({ ...parts, closing: closing.signal });
  const answer = getRequestListener(app.fetch);
  const handler = (request: IncomingMessage, response: ServerResponse) =>
    void answer(request, response);
  const server = tls === null ? createHttpServer(handler) : createHttpsServer(tls, handler);
  await opened(server, listen).catch((error: unknown) => {
    watcher.close();
    throw error;
  });
  const { port } = server.address() as AddressInfo;
  const host = listen.host.includes(":") ? `[${listen.host}]` : listen.host;
  return {
    url: `${tls === null ? "http" : "https"}://${host}:${port}`,
    close: () => {
      watcher.close();
      closing.abort();
      return closed(server);
    },
  };
}

function tokenFor({ host, tokenFile }: ListenOptions): string | null {
  if (tokenFile !== undefined) return readToken(tokenFile);
  if (isLoopbackAddress(host)) return null;
  throw new MillraceError(
    "MR_LISTEN",
    `other machines reach ${host}, so --listen needs --token-file with a bearer token`,
  );
}

/** Answers under way are given (the one to `stop` is why), then whoever still hangs on is cut off. */
function closed(server: ReturnType<typeof createHttpServer>): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
    // What only then becomes idle, such as a stream of events that has ended, closes itself no more.
    const idle = setInterval(() => server.closeIdleConnections(), IDLE_LOOK_MS);
    server.close(() => {
      clearTimeout(cut);
      clearInterval(idle);
      resolve();
    });
  });
}

function opened(
  server: ReturnType<typeof createHttpServer>,
  { host, port }: ListenOptions,
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const why =
        cause.code === "EADDRINUSE"
          ? "another process listens there; perhaps this pipeline runs already (`millrace status`)"
          : (cause.code ?? cause.message);
      reject(new MillraceError("MR_LISTEN", `cannot listen at ${host}:${port}: ${why}`, { cause }));
    });
    server.listen(port, host, () => resolve());
  });
}

/** Shortest token that is taken, characters. */
const MIN_TOKEN_CHARS = 16;

function readToken(file: string): string {
  const token = readText(file, "--token-file").trim();
  if (token.length >= MIN_TOKEN_CHARS && /^\S+$/.test(token)) return token;
  throw new MillraceError(
    "MR_LISTEN",
    `--token-file ${file} must hold one token of at least ${MIN_TOKEN_CHARS} characters`,
  );
}

function tlsFiles({ tlsCert, tlsKey }: ListenOptions): { cert: string; key: string } | null {
  if (tlsCert === undefined && tlsKey === undefined) return null;
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new MillraceError("MR_LISTEN", "--tls-cert and --tls-key belong together");
  }
  return { cert: readText(tlsCert, "--tls-cert"), key: readText(tlsKey, "--tls-key") };
}

function readText(file: string, option: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    const why = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown reason";
    throw new MillraceError("MR_LISTEN", `${option} ${file} cannot be read (${why})`, { cause });
  }
}
