import { createHash, timingSafeEqual } from "node:crypto";
import type { Context, Next } from "hono";
import { MillraceError } from "../errors/millrace-error.ts";

const LOOPBACK_NAMES = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** True for addresses that only this machine reaches. */
export function isLoopbackAddress(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

/**
 * Who may ask. With a token every path but health wants it. Without one the listener is loopback, and what still could
 * reach it is a web page in the operator's browser: a foreign Host (DNS rebinding) or a foreign Origin is refused.
 */
export function guard(token: string | null): (context: Context, next: Next) => Promise<void> {
  return async ({ req }, next) => {
    if (token === null) refuseForeignPages(req.header("host"), req.header("origin"));
    else if (!req.path.startsWith("/health/")) checkToken(req.header("authorization"), token);
    await next();
  };
}

function refuseForeignPages(host: string | undefined, origin: string | undefined): void {
  const name = (host ?? "").replace(/:\d+$/, "");
  if (!LOOPBACK_NAMES.has(name)) {
    throw new MillraceError(
      "MR_UNAUTHORIZED",
      `the host ${name} is not this machine; listen with --token-file to be reached by other names`,
    );
  }
  if (origin !== undefined && (!URL.canParse(origin) || new URL(origin).host !== host)) {
    throw new MillraceError(
      "MR_UNAUTHORIZED",
      "requests from web pages of another origin are refused",
    );
  }
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
