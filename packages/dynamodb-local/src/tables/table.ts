/** What we know of a table beside its items, which are dynalite's. */
import type { KeyNames } from "../items/key.ts";
import type { Bucket } from "../capacity/bucket.ts";
import type { Stream } from "../streams/stream.ts";
import type { Fields } from "../json.ts";

/** When items of a table end by themselves. */
export interface TimeToLive {
  readonly attribute: string;
  readonly enabled: boolean;
}

/** One table, from its creation to its deletion. */
export interface Table {
  readonly name: string;
  readonly arn: string;
  readonly id: string;
  readonly createdMs: number;
  readonly keyNames: KeyNames;
  /** The request that made it: its twin for transactions is made by it. */
  readonly creation: Fields;
  /** Where changes go; undefined while the table has no stream. */
  stream: Stream | undefined;
  /** The stream that it had last, open or not. */
  latest: Stream | undefined;
  timeToLive: TimeToLive | undefined;
  /** A stream is being enabled or disabled until this time, by the clock of the machine. */
  updatingUntilMs: number;
  /** Members of DescribeTable that dynalite does not keep. */
  settings: Fields;
  readonly tags: Map<string, string>;
  readonly buckets: { read: Bucket | undefined; write: Bucket | undefined };
}
