import * as http from "node:http";
import * as https from "node:https";
import type { SignedWay } from "./signed-way.ts";
import { ServiceFault } from "./service-fault.ts";

/** An answer as it came. */
export interface HttpAnswer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly bytes: Buffer;
}

/** What {@link HttpPosts} are made with. */
export interface PostLimits {
  readonly connectTimeoutMs: number;
  /** How long an answer may take, or rest in the middle. */
  readonly readTimeoutMs: number;
  readonly maxSockets: number;
}

/** One request. */
export interface Post {
  readonly way: Pick<SignedWay, "isTls" | "hostname" | "port" | "path">;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal: AbortSignal | undefined;
}

/** Requests over connections that are kept, one write each, with no more timers than the socket has. */
export class HttpPosts {
  readonly #limits: PostLimits;
  readonly #http: http.Agent;
  readonly #https: https.Agent;

  constructor(limits: PostLimits) {
    this.#limits = limits;
    const { maxSockets } = limits;
    this.#http = new http.Agent({ keepAlive: true, maxSockets });
    this.#https = new https.Agent({ keepAlive: true, maxSockets });
  }

  /** Rejects with what the network said, or with the signal's reason. */
  async send({ way, headers, body, signal }: Post): Promise<HttpAnswer> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
    const request = this.#request(way, headers);
    const leave = (): void => void request.destroy(reasonOf(signal));
    signal?.addEventListener("abort", leave, { once: true });
    let isAnswered = false;
    request.on("error", reject);
    request.on("close", () => {
      signal?.removeEventListener("abort", leave);
      // Node tells before why it closes; nobody may wait for ever where it should not.
      if (!isAnswered) reject(new ServiceFault("ECONNRESET", "it was closed without an answer"));
    });
    request.on("response", (response) => {
      response.on("error", reject);
      collect(response, (answer) => {
        isAnswered = true;
        resolve(answer);
      });
    });
    request.end(body);
    return promise;
  }

  destroy(): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  #request(way: Post["way"], headers: Post["headers"]): http.ClientRequest {
    const { connectTimeoutMs, readTimeoutMs } = this.#limits;
    const { isTls, hostname, port, path } = way;
    const options = {
      method: "POST",
      host: hostname,
      ...(port === null ? {} : { port }),
      path,
      headers,
      timeout: readTimeoutMs,
    };
    const request = isTls
      ? https.request({ ...options, agent: this.#https })
      : http.request({ ...options, agent: this.#http });
    request.on("timeout", () => {
      request.destroy(timeoutOf("no answer", readTimeoutMs));
    });
    request.on("socket", (socket) => {
      if (!socket.connecting) return;
      const timer = setTimeout(() => {
        request.destroy(timeoutOf("no connection", connectTimeoutMs));
      }, connectTimeoutMs);
      const clear = (): void => clearTimeout(timer);
      socket.once("connect", clear);
      request.once("close", clear);
    });
    return request;
  }
}

function collect(response: http.IncomingMessage, resolve: (answer: HttpAnswer) => void): void {
  const chunks: Buffer[] = [];
  response.on("data", (chunk: Buffer) => chunks.push(chunk));
  response.on("end", () => {
    const { statusCode = 0, headers } = response;
    const [first] = chunks;
    const bytes = first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks);
    resolve({ statusCode, headers, bytes });
  });
}

function timeoutOf(what: string, ms: number): ServiceFault {
  return new ServiceFault("TimeoutError", `${what} within ${ms} ms`);
}

function reasonOf(signal: AbortSignal | undefined): Error {
  return signal?.reason instanceof Error ? signal.reason : new Error("it was given up");
}
