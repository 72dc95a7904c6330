import type { GetRecordsInput } from "@aws-sdk/client-dynamodb-streams";
import type { Clock } from "../../model/ports.ts";
import type { SigningKeys } from "./credentials.ts";
import { type HttpAnswer, HttpPosts, type PostLimits } from "./http-post.ts";
import { answerOf, type RawAnswer } from "./raw-answer.ts";
import { ServiceFault } from "./service-fault.ts";
import { Signer } from "./signature.ts";
import type { SignedWay } from "./signed-way.ts";

/** What the SDK's client knows of the service's clock: shared with its own calls. */
export interface SignerClock {
  /** The service's clock less this machine's, ms. */
  systemClockOffset: number;
  readonly disableClockSkewCorrection: () => Promise<boolean>;
}

/** What {@link RecordCalls} are made of. */
export interface RecordCallsParts {
  readonly credentials: () => Promise<SigningKeys>;
  readonly clock: Clock;
  readonly signerClock: SignerClock;
  readonly limits: PostLimits;
}

/** A clock that is so far off was the reason of a refusal. The SDK goes by the same. */
const SKEW_MS = 240_000;
/** A request that was under way for so long says nothing about clocks. */
const LONGEST_MS = 900_000;

/**
 * GetRecords without the SDK: a table of which nobody writes is asked by nothing else, shard by shard, and a call of the SDK costs five
 * times what one over a kept connection does. It goes the way that the SDK's last call of the service went, signed with
 * the same credentials by the same clock.
 */
export class RecordCalls {
  readonly #parts: RecordCallsParts;
  readonly #posts: HttpPosts;
  #way: SignedWay | null = null;
  #signer: Signer | null = null;
  #keepsClock: Promise<boolean> | null = null;

  constructor(parts: RecordCallsParts) {
    this.#parts = parts;
    this.#posts = new HttpPosts(parts.limits);
  }

  /** The SDK has gone this way; null: one that only it knows. */
  learn(way: SignedWay | null): void {
    if (way === null || way.region !== this.#way?.region || way.service !== this.#way.service)
      this.#signer = way === null ? null : new Signer(way);
    this.#way = way;
  }

  /** Null where no way is known, and the SDK has to be asked. */
  get(input: GetRecordsInput, signal: AbortSignal | undefined): Promise<RawAnswer> | null {
    if (this.#way === null || this.#signer === null) return null;
    return this.#ask(this.#way, this.#signer, { body: JSON.stringify(input), signal });
  }

  destroy(): void {
    this.#posts.destroy();
  }

  async #ask(
    way: SignedWay,
    signer: Signer,
    { body, signal }: { readonly body: string; readonly signal: AbortSignal | undefined },
  ): Promise<RawAnswer> {
    const { credentials, clock, signerClock } = this.#parts;
    const keys = await credentials();
    const aheadMs = signerClock.systemClockOffset;
    const sentMs = clock.now();
    const unsigned = { path: way.path, headers: headersOf(way), body };
    const headers = signer.sign(unsigned, keys, sentMs + aheadMs);
    headers["user-agent"] = way.userAgent;
    headers["content-length"] = String(Buffer.byteLength(body));
    const answer = await this.#posts.send({ way, headers, body, signal });
    const wasAheadMs = (await this.#isClockKept()) ? null : this.#tellClock(answer, sentMs);
    try {
      return answerOf(answer);
    } catch (thrown) {
      const isSkew = wasAheadMs !== null && Math.abs(wasAheadMs - aheadMs) >= SKEW_MS;
      if (isSkew && thrown instanceof ServiceFault) thrown.$metadata.clockSkewCorrected = true;
      throw thrown;
    }
  }

  /** How far ahead the service's clock is; null where the answer does not tell. A cache's answer tells an old time. */
  #tellClock({ headers }: HttpAnswer, sentMs: number): number | null {
    const { clock, signerClock } = this.#parts;
    const serviceMs = Date.parse(String(headers["date"]));
    const nowMs = clock.now();
    if (Number.isNaN(serviceMs) || headers["age"] !== undefined || nowMs - sentMs > LONGEST_MS)
      return null;
    signerClock.systemClockOffset = serviceMs - nowMs;
    return signerClock.systemClockOffset;
  }

  #isClockKept(): Promise<boolean> {
    this.#keepsClock ??= this.#parts.signerClock.disableClockSkewCorrection();
    return this.#keepsClock;
  }
}

function headersOf({ host }: SignedWay): Record<string, string> {
  return {
    "content-type": "application/x-amz-json-1.0",
    host,
    "x-amz-target": "DynamoDBStreams_20120810.GetRecords",
  };
}
