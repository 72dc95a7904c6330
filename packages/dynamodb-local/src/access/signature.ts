/** AWS Signature Version 4, as far as a server needs it: who signed, and whether rightly. */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { accessBounds } from "../rules/access.ts";
import { refuse } from "../rules/table.ts";

/** What a request is signed over. */
export interface SignedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** What an Authorization header says. */
export interface Authorization {
  readonly accessKeyId: string;
  readonly date: string;
  readonly region: string;
  readonly service: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
}

/** Reads the header. Throws a Refusal. */
export function readAuthorization(request: SignedRequest): Authorization {
  const header = request.headers["authorization"];
  if (typeof header !== "string" || !header.startsWith("AWS4-")) throw refuse("missingToken");
  const part = (name: string): string => new RegExp(`${name}=([^,\\s]+)`).exec(header)?.[1] ?? "";
  const [accessKeyId = "", date = "", region, service] = part("Credential").split("/");
  if (region === undefined || service === undefined) throw refuse("incompleteSignature");
  const signedHeaders = part("SignedHeaders").split(";");
  return { accessKeyId, date, region, service, signedHeaders, signature: part("Signature") };
}

/** Checks time and signature. Throws a Refusal. */
export function checkSignature(
  request: SignedRequest,
  authorization: Authorization,
  secretAccessKey: string,
  nowMs: number,
): void {
  const sent = String(request.headers["x-amz-date"] ?? "");
  checkTime(sent, nowMs);
  const expected = Buffer.from(signatureOf(request, authorization, secretAccessKey, sent));
  const given = Buffer.from(authorization.signature);
  if (expected.length !== given.length || !timingSafeEqual(expected, given)) {
    throw refuse("wrongSignature");
  }
}

function checkTime(sent: string, nowMs: number): void {
  const sentMs = Date.parse(
    sent.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"),
  );
  const skewMs = accessBounds.clockSkewMs;
  const now = basicTime(nowMs);
  if (Number.isNaN(sentMs) || sentMs < nowMs - skewMs) {
    throw refuse("signatureExpired", { sent, least: basicTime(nowMs - skewMs), now });
  }
  if (sentMs > nowMs + skewMs) {
    throw refuse("signatureEarly", { sent, most: basicTime(nowMs + skewMs), now });
  }
}

function basicTime(ms: number): string {
  return new Date(ms).toISOString().replace(/[-:]|\.\d+/g, "");
}

function signatureOf(
  request: SignedRequest,
  { date, region, service, signedHeaders }: Authorization,
  secretAccessKey: string,
  sent: string,
): string {
  const canonical = [
    request.method,
    request.path,
    "",
    ...signedHeaders.map((name) => `${name}:${headerText(request.headers[name])}`),
    "",
    signedHeaders.join(";"),
    createHash("sha256").update(request.body).digest("hex"),
  ].join("\n");
  const scope = `${date}/${region}/${service}/aws4_request`;
  const digest = createHash("sha256").update(canonical).digest("hex");
  const text = `AWS4-HMAC-SHA256\n${sent}\n${scope}\n${digest}`;
  const key = [date, region, service, "aws4_request"].reduce<Buffer>(
    (secret, part) => createHmac("sha256", secret).update(part).digest(),
    Buffer.from(`AWS4${secretAccessKey}`),
  );
  return createHmac("sha256", key).update(text).digest("hex");
}

function headerText(value: string | string[] | undefined): string {
  return (Array.isArray(value) ? value.join(",") : (value ?? "")).trim().replace(/\s+/g, " ");
}
