import type { ErrorCode } from "./catalogue.ts";
import { CATALOGUE } from "./catalogue.ts";

/**
 * What a failure means for the work that met it. Retry is decided from this alone, in `pipeline/retry.ts`.
 *
 * - `transient`: try the same again, on a new connection if need be. What nobody knows is transient for a connection.
 * - `conflict`: another transaction won (40001); the whole transaction again.
 * - `unknown-outcome`: the connection was lost during COMMIT; only the lane row knows (I6).
 * - `fenced`: another task has taken over; stop, never restart by oneself (I5).
 * - `row`: the sink will never take this data; find the row, park it (I1).
 * - `too-large`: the transaction is over a limit of the sink; send less at once.
 * - `schema`: the target's shape is not what the mapping expects; look at the catalogue again.
 * - `loss`: the source no longer has what comes next (I8); the policy decides.
 * - `config`: the operator must change something; stop before anything is touched.
 * - `bug`: an invariant of ours is broken; stop.
 */
export type ErrorClass =
  | "transient"
  | "conflict"
  | "unknown-outcome"
  | "fenced"
  | "row"
  | "too-large"
  | "schema"
  | "loss"
  | "config"
  | "bug";

/** Facts about a failure that are safe to show: names, numbers, SQLSTATEs. Never a secret, never a row's value. */
export type ErrorFacts = Readonly<Record<string, string | number | boolean | null>>;

/** Every error that leaves a room: a stable code from the catalogue, safe facts, and what caused it. */
export class MillraceError extends Error {
  override readonly name = "MillraceError";
  readonly code: ErrorCode;
  readonly facts: ErrorFacts;
  #class: ErrorClass | null;
  #remedy: string | null;

  constructor(
    code: ErrorCode,
    detail: string,
    options: { cause?: unknown; facts?: ErrorFacts; class?: ErrorClass; remedy?: string } = {},
  ) {
    super(`${code}: ${detail}`, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.facts = options.facts ?? {};
    this.#class = options.class ?? null;
    this.#remedy = options.remedy ?? null;
  }

  /** The message without its code, for where the code is shown beside it. */
  get detail(): string {
    return this.message.slice(this.code.length + 2);
  }

  /** The class of this failure; the catalogue's unless the place that threw knows better. */
  get class(): ErrorClass {
    return this.#class ?? CATALOGUE[this.code].class;
  }

  /** What the operator should do, one sentence; the catalogue's unless the place that threw knows better. */
  get remedy(): string {
    return this.#remedy ?? CATALOGUE[this.code].remedy;
  }
}
