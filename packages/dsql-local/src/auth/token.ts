/** The IAM token that Aurora DSQL takes as a password: a presigned URL, checked offline (source N, A, T). */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { bounds } from "../rules/bounds.ts";

/** What a token is checked against. */
export interface TokenCheck {
  readonly user: string;
  /** Names that the cluster goes by; the token has to be for one of them. */
  readonly hosts: readonly string[];
  readonly nowMs: number;
  /** The key that tokens must be signed with; without it signatures are not checked. */
  readonly key: SigningKey | undefined;
}

/** An access key with its secret. */
export interface SigningKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const ALGORITHM = "AWS4-HMAC-SHA256";
const ADMIN_ACTION = "DbConnectAdmin";
const ACTION = "DbConnect";
/** Clocks may differ this much before a token counts as from the future. */
const SKEW_MS = 5 * 60_000;

/** Why a token is refused, in the words of the service's hints; undefined when it is good. */
export function refuseToken(token: string, check: TokenCheck): string | undefined {
  const parsed = parseToken(token);
  if (parsed === undefined) return "The token is malformed";
  return (
    refuseHost(parsed, check) ??
    refuseAction(parsed, check) ??
    refuseTime(parsed, check) ??
    refuseSignature(parsed, check)
  );
}

interface Token {
  readonly host: string;
  readonly fields: ReadonlyMap<string, string>;
}

function parseToken(token: string): Token | undefined {
  const bare = token.replace(/^https?:\/\//, "");
  const split = bare.indexOf("/?");
  if (split <= 0) return undefined;
  const fields = new Map<string, string>();
  for (const pair of bare.slice(split + 2).split("&")) {
    const equals = pair.indexOf("=");
    if (equals <= 0) return undefined;
    const name = decode(pair.slice(0, equals));
    const value = decode(pair.slice(equals + 1));
    if (name === undefined || value === undefined || fields.has(name)) return undefined;
    fields.set(name, value);
  }
  if (field({ host: "", fields }, "X-Amz-Algorithm") !== ALGORITHM) return undefined;
  return { host: bare.slice(0, split), fields };
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function field(token: Token, name: string): string {
  return token.fields.get(name) ?? "";
}

function refuseHost(token: Token, check: TokenCheck): string | undefined {
  const host = token.host.replace(/:\d+$/, "").toLowerCase();
  const known = check.hosts.some((name) => name.toLowerCase() === host);
  return known ? undefined : "The token is for another host than this cluster";
}

function refuseAction(token: Token, { user }: TokenCheck): string | undefined {
  const action = field(token, "Action");
  if (action === (user === "admin" ? ADMIN_ACTION : ACTION)) return undefined;
  return `Wrong user to action mapping. user: ${user}, action: ${action}`;
}

function refuseTime(token: Token, { nowMs }: TokenCheck): string | undefined {
  const date = field(token, "X-Amz-Date");
  const seconds = field(token, "X-Amz-Expires");
  const fromMs = parseDate(date);
  if (fromMs === undefined || !/^\d{1,9}$/.test(seconds)) return "The token is malformed";
  if (Number(seconds) > bounds.tokenMaxSeconds) {
    return "X-Amz-Expires must be less than a week (in seconds)";
  }
  const untilMs = fromMs + Number(seconds) * 1_000;
  if (nowMs > untilMs) {
    return `Signature expired: ${stamp(untilMs)} is now earlier than ${stamp(nowMs)}`;
  }
  if (fromMs > nowMs + SKEW_MS) {
    return `Signature not yet current: ${date} is still later than ${stamp(nowMs + SKEW_MS)}`;
  }
  return undefined;
}

function parseDate(date: string): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date);
  if (match === null) return undefined;
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = match
    .slice(1)
    .map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

function stamp(ms: number): string {
  return new Date(ms).toISOString().replace(/[-:]|\.\d+/g, "");
}

function refuseSignature(token: Token, { key }: TokenCheck): string | undefined {
  const scope = field(token, "X-Amz-Credential").split("/");
  const [accessKeyId, day, region, service, end] = scope;
  if (scope.length !== 5 || service !== "dsql" || end !== "aws4_request") {
    return "Credential should be scoped to a valid region and to service dsql";
  }
  if (day !== field(token, "X-Amz-Date").slice(0, 8)) {
    return "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date";
  }
  if (field(token, "X-Amz-SignedHeaders") !== "host") return "The token is malformed";
  if (key === undefined) return undefined;
  if (accessKeyId !== key.accessKeyId) {
    return "The security token included in the request is invalid.";
  }
  const expected = signatureOf(token, key.secretAccessKey, [day ?? "", region ?? "", "dsql"]);
  return equal(expected, field(token, "X-Amz-Signature"))
    ? undefined
    : "The request signature we calculated does not match the signature you provided.";
}

function signatureOf(token: Token, secret: string, scope: readonly string[]): string {
  const query = [...token.fields]
    .filter(([name]) => name !== "X-Amz-Signature")
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join("&");
  const request = `GET\n/\n${query}\nhost:${token.host}\n\nhost\n${sha256("")}`;
  const text = [
    ALGORITHM,
    field(token, "X-Amz-Date"),
    `${scope.join("/")}/aws4_request`,
    sha256(request),
  ].join("\n");
  let key = Buffer.from(`AWS4${secret}`, "utf8");
  for (const part of [...scope, "aws4_request"]) key = hmac(key, part);
  return hmac(key, text).toString("hex");
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function sha256(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}

function hmac(key: Buffer, text: string): Buffer<ArrayBuffer> {
  return Buffer.from(createHmac("sha256", key).update(text, "utf8").digest());
}

function equal(a: string, b: string): boolean {
  const left = Buffer.from(a, "utf8");
  const right = Buffer.from(b, "utf8");
  return left.length === right.length && timingSafeEqual(left, right);
}
