import { createHash, timingSafeEqual } from "node:crypto";
import type { Context, HonoRequest, Next } from "hono";
import { MillraceError } from "../errors/millrace-error.ts";

/** True for addresses that only this machine reaches. */
export function isLoopbackAddress(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

/**
 * Who may ask. With a token every path wants it but health and the bare page of the dashboard, which asks for it. Without one the listener is loopback, and what still could
 * reach it is a web page in the operator's browser: a foreign Host (DNS rebinding) or a foreign Origin is refused.
 */
export function guard(token: string | null): (context: Context, next: Next) => Promise<void> {
  return async ({ req }, next) => {
    if (token === null) refuseForeignPages(asked(req));
    else if (!isOpen(req.path)) checkToken(req.header("authorization"), token);
    await next();
  };
}

/** What is looked at of a request. */
interface Asked {
  readonly method: string;
  readonly header: (name: string) => string | undefined;
}

function asked(request: Pick<HonoRequest, "method" | "header">): Asked {
  return { method: request.method, header: (name) => request.header(name) };
}

function isOpen(path: string): boolean {
  return path === "/" || path.startsWith("/health/");
}

function refuseForeignPages({ method, header }: Asked): void {
  const [host, origin] = [header("host"), header("origin")];
  const name = (host ?? "").replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  if (!isLoopbackAddress(name)) {
    throw new MillraceError(
      "MR_UNAUTHORIZED",
      `the host ${name} is not this machine; listen with --token-file to be reached by other names`,
    );
  }
  const isForeign =
    origin !== undefined && (!URL.canParse(origin) || new URL(origin).host !== host);
  // Requests that a page may send without an Origin; a link to here is followed all the same.
  const isLink = method === "GET" && header("sec-fetch-mode") === "navigate";
  const isEmbedded = header("sec-fetch-site") === "cross-site" && !isLink;
  if (isForeign || isEmbedded)
    throw new MillraceError(
      "MR_UNAUTHORIZED",
      "requests from web pages of another origin are refused",
    );
}

function checkToken(header: string | undefined, token: string): void {
  const [, given] = /^Bearer +(\S+)$/i.exec(header ?? "") ?? [];
  const digest = (text: string) => createHash("sha256").update(text).digest();
  if (given !== undefined && timingSafeEqual(digest(given), digest(token))) return;
  throw new MillraceError(
    "MR_UNAUTHORIZED",
    given === undefined
      ? "the request has no bearer token"
      : "the bearer token is not the right one",
  );
}
