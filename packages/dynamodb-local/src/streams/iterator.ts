/** Shard iterators: opaque texts for clients, a place in a shard and a time for us. */
import { isFields, textIn } from "../json.ts";

/** Where the next record is read, and when that was said. */
export interface ShardIterator {
  readonly arn: string;
  readonly shardId: string;
  /** The least sequence number that is to be read. */
  readonly from: bigint;
  readonly givenMs: number;
}

/** `ARN|1|…`, as the service's begin. */
export function iteratorText({ arn, shardId, from, givenMs }: ShardIterator): string {
  const inside = JSON.stringify({ shardId, from: String(from), givenMs });
  return `${arn}|1|${Buffer.from(inside).toString("base64")}`;
}

/** Reads one; undefined where it is none. */
export function readIterator(text: string): ShardIterator | undefined {
  const [arn, version, inside] = text.split("|");
  if (arn === undefined || version !== "1" || inside === undefined) return undefined;
  const fields = parse(Buffer.from(inside, "base64").toString("utf8"));
  if (!isFields(fields)) return undefined;
  const [shardId, from] = [textIn(fields, "shardId"), textIn(fields, "from")];
  const givenMs = fields["givenMs"];
  if (shardId === undefined || from === undefined || typeof givenMs !== "number") return undefined;
  return /^-?\d+$/.test(from) ? { arn, shardId, from: BigInt(from), givenMs } : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
