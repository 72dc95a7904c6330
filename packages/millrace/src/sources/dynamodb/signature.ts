import { createHmac, createSecretKey, hash, type KeyObject } from "node:crypto";
import type { SigningKeys } from "./credentials.ts";

/** What a request is signed for. */
interface Scope {
  readonly region: string;
  readonly service: string;
}

/** A request without its signature. */
export interface UnsignedPost {
  readonly path: string;
  /** All of them are signed; names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * AWS Signature Version 4 for the calls of which there are many: what the SDK signs by six hashes and as many objects takes three here,
 * since the key of a day is kept. Source: IAM user guide, "Create a signed AWS API request".
 */
export class Signer {
  readonly #scope: Scope;
  #keys: SigningKeys | null = null;
  #day = "";
  #key: KeyObject | null = null;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  /** The headers with those that make them a signed request at that time, ms since 1970. */
  sign({ path, headers, body }: UnsignedPost, keys: SigningKeys, timeMs: number) {
    const time = basicTime(timeMs);
    const day = time.slice(0, 8);
    const { sessionToken } = keys;
    const signed: Record<string, string> = { ...headers, "x-amz-date": time };
    if (sessionToken !== undefined) signed["x-amz-security-token"] = sessionToken;
    const names = Object.keys(signed).toSorted();
    const list = names.join(";");
    const lines = names.map((name) => `${name}:${canonical(signed[name] ?? "")}\n`).join("");
    const request = `POST\n${path}\n\n${lines}\n${list}\n${hash("sha256", body)}`;
    const scope = `${day}/${this.#scope.region}/${this.#scope.service}/aws4_request`;
    const text = `AWS4-HMAC-SHA256\n${time}\n${scope}\n${hash("sha256", request)}`;
    const signature = createHmac("sha256", this.#keyOf(keys, day)).update(text).digest("hex");
    signed["authorization"] =
      `AWS4-HMAC-SHA256 Credential=${keys.accessKeyId}/${scope}, SignedHeaders=${list}, Signature=${signature}`;
    return signed;
  }

  #keyOf(keys: SigningKeys, day: string): KeyObject {
    if (this.#key !== null && this.#day === day && this.#keys === keys) return this.#key;
    const { region, service } = this.#scope;
    const secret = Buffer.from(`AWS4${keys.secretAccessKey}`);
    const made = [day, region, service, "aws4_request"].reduce<Buffer>(
      (key, part) => createHmac("sha256", key).update(part).digest(),
      secret,
    );
    this.#key = createSecretKey(made);
    this.#day = day;
    this.#keys = keys;
    return this.#key;
  }
}

/** `20261122T101500Z`. */
function basicTime(ms: number): string {
  return new Date(ms).toISOString().replaceAll(/[-:]|\.\d+/g, "");
}

function canonical(value: string): string {
  return value.trim().replaceAll(/\s+/g, " ");
}
