import { readFileSync } from "node:fs";
import { CATALOGUE } from "../errors/catalogue.ts";
import type { ErrorCode } from "../errors/catalogue.ts";
import { MillraceError } from "../errors/millrace-error.ts";

/** Longest wait for an answer; a stop may take ten seconds. */
const TIMEOUT_MS = 30_000;

/** Talks to the listener of a running process. */
export class RestClient {
  readonly #url: string;
  readonly #token: string | null;
  readonly #timeoutMs: number;

  constructor(url: string, tokenFile: string | undefined, timeoutMs = TIMEOUT_MS) {
    this.#timeoutMs = timeoutMs;
    this.#url = checkedUrl(url);
    this.#token = tokenFile === undefined ? null : readToken(tokenFile);
  }

  get(path: string): Promise<unknown> {
    return this.#request("GET", path);
  }

  post(path: string): Promise<unknown> {
    return this.#request("POST", path);
  }

  async #request(method: string, path: string): Promise<unknown> {
    const headers: Record<string, string> =
      this.#token === null ? {} : { authorization: `Bearer ${this.#token}` };
    const response = await this.#fetch(path, {
      method,
      headers,
      signal: AbortSignal.timeout(this.#timeoutMs),
    });
    const body: unknown = await response.json().catch((cause: unknown) => {
      if (isTimeout(cause)) throw this.#late(cause);
      return null;
    });
    if (response.ok) return body;
    throw problemError(response.status, body, this.#url);
  }

  /** Somebody is there: this is another failure than nobody. */
  #late(cause: unknown): MillraceError {
    const what = `${this.#url} took the request and has not answered in ${this.#timeoutMs / 1000} s`;
    return new MillraceError("MR_ANSWER_LATE", what, { cause });
  }

  async #fetch(path: string, request: RequestInit): Promise<Response> {
    try {
      return await fetch(`${this.#url}${path}`, request);
    } catch (cause) {
      if (isTimeout(cause)) throw this.#late(cause);
      throw new MillraceError("MR_UNREACHABLE", `nothing answers at ${this.#url}`, { cause });
    }
  }
}

function isTimeout(cause: unknown): boolean {
  return cause instanceof DOMException && cause.name === "TimeoutError";
}

function checkedUrl(url: string): string {
  // What holds a login, or may be the address of a database, is not shown.
  if (url.includes("@"))
    throw new MillraceError(
      "MR_USAGE",
      "--url holds a login; write the address alone, such as http://127.0.0.1:8083, and give the token with --token-file",
    );
  // As `--listen` takes it; of this machine alone, for a token must not go elsewhere without TLS unasked.
  const isOwn = /^(127(\.\d+){3}|localhost|\[::1\]):\d+$/.test(url);
  const full = isOwn ? `http://${url}` : url;
  if (URL.canParse(full) && /^https?:$/.test(new URL(full).protocol))
    return full.replace(/\/+$/, "");
  throw new MillraceError(
    "MR_USAGE",
    `--url ${url} is not an address; write one such as http://127.0.0.1:8083`,
  );
}

function readToken(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (cause) {
    throw new MillraceError("MR_USAGE", `--token-file ${file} cannot be read`, { cause });
  }
}

/** The problem document of the other process becomes the error that it was made from. */
function problemError(status: number, body: unknown, url: string): MillraceError {
  if (typeof body === "object" && body !== null && "code" in body && "detail" in body) {
    const { code, detail } = body;
    const remedy =
      "remedy" in body && typeof body.remedy === "string" ? { remedy: body.remedy } : {};
    if (isErrorCode(code) && typeof detail === "string")
      return new MillraceError(code, detail, remedy);
  }
  return new MillraceError("MR_UNREACHABLE", `${url} answered ${status} and is not Millrace`);
}

function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(CATALOGUE, code);
}
