/** GetShardIterator and GetRecords. */
import type { Call } from "../call.ts";
import { textIn, type Fields } from "../json.ts";
import { streamBounds } from "../rules/streams.ts";
import { refuse } from "../rules/table.ts";
import { streamOf } from "./describe.ts";
import { iteratorText, readIterator, type ShardIterator } from "./iterator.ts";
import { limitIn, requiredIn, wrong } from "./members.ts";
import type { Shard } from "./shard.ts";
import type { Stream } from "./stream.ts";

const TYPES = ["TRIM_HORIZON", "LATEST", "AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"] as const;
type IteratorType = (typeof TYPES)[number];

/** Answers GetShardIterator. */
export async function getShardIterator(call: Call): Promise<Fields> {
  const { realm, request } = call;
  const stream = streamOf(call);
  const shardId = requiredIn(request, "ShardId", 28);
  const type = typeIn(request);
  const shard = stream.shard(shardId);
  if (shard === undefined) throw refuse("shardNotFound");
  const from = startOf(stream, shard, type, textIn(request, "SequenceNumber"));
  const place = { arn: stream.arn, shardId, from, givenMs: realm.clock.nowMs() };
  return { ShardIterator: iteratorText(place) };
}

function typeIn(request: Fields): IteratorType {
  const value = requiredIn(request, "ShardIteratorType");
  const type = TYPES.find((each) => each === value);
  if (type !== undefined) return type;
  const set = "[AFTER_SEQUENCE_NUMBER, LATEST, AT_SEQUENCE_NUMBER, TRIM_HORIZON]";
  throw wrong(value, "shardIteratorType", `Member must satisfy enum value set: ${set}`);
}

function startOf(
  stream: Stream,
  shard: Shard,
  type: IteratorType,
  sequence: string | undefined,
): bigint {
  if (type === "TRIM_HORIZON" || type === "LATEST") {
    if (sequence !== undefined) throw refuse("sequenceNotExpected", { type });
    return type === "LATEST" ? stream.tipOf(shard) : shard.horizon();
  }
  if (sequence === undefined) throw refuse("sequenceMissing", { type });
  const number = numberOf(stream, shard, sequence);
  if (number <= (shard.trimmedThrough ?? -1n)) throw refuse("trimmed");
  return type === "AT_SEQUENCE_NUMBER" ? number : number + 1n;
}

/** A sequence number of the shard. Throws a Refusal where it is of another one, or none. */
function numberOf(stream: Stream, shard: Shard, sequence: string): bigint {
  if (!/^\d{21,40}$/.test(sequence)) {
    const constraint = "Member must have length greater than or equal to 21";
    throw wrong(sequence, "sequenceNumber", constraint);
  }
  const number = BigInt(sequence);
  if (number < shard.startsWith || number >= stream.tipOf(shard)) {
    throw refuse("sequenceOutside", { sequence, shard: shard.id });
  }
  return number;
}

/** Answers GetRecords. */
export async function getRecords({ realm, request, faults }: Call): Promise<Fields> {
  const nowMs = realm.clock.nowMs();
  const limit = limitIn(request, streamBounds.recordsPerCall);
  const place = readIterator(requiredIn(request, "ShardIterator"));
  if (place === undefined) throw refuse("invalidIterator");
  if (nowMs - place.givenMs > streamBounds.iteratorLifeMs) throw refuse("expiredIterator");
  const stream = realm.stream(place.arn);
  if (stream === undefined) throw refuse("streamNotFound", { arn: place.arn });
  const shard = stream.shard(place.shardId);
  if (shard === undefined) throw refuse("shardNotFound");
  if (place.from <= (shard.trimmedThrough ?? -1n)) throw refuse("trimmed");
  const isEmpty = faults.first("empty") !== undefined;
  const records = isEmpty ? [] : shard.read(place.from, limit, streamBounds.bytesPerCall);
  const from = (records.at(-1)?.sequence ?? place.from - 1n) + 1n;
  return {
    Records: records.map(({ wire }) => wire),
    ...next(shard, { ...place, from, givenMs: nowMs }),
  };
}

/** Where reading goes on: nowhere, once a closed shard is read to its end. */
function next(shard: Shard, place: ShardIterator): Fields {
  const isOver = !shard.isOpen && shard.isReadFrom(place.from);
  return isOver ? {} : { NextShardIterator: iteratorText(place) };
}
