/** ListStreams and DescribeStream. */
import type { Call } from "../call.ts";
import type { StaleFault } from "../control/faults.ts";
import { fieldsIn, textIn, type Fields } from "../json.ts";
import { nameOf } from "../realm.ts";
import { streamBounds } from "../rules/streams.ts";
import { refuse } from "../rules/table.ts";
import { limitIn, requiredIn, wrong } from "./members.ts";
import type { Shard } from "./shard.ts";
import type { Stream } from "./stream.ts";

const LEAST_ARN = 37;

/** The stream that a call names. Throws a Refusal. */
export function streamOf({ realm, request }: Call): Stream {
  const arn = requiredIn(request, "StreamArn", LEAST_ARN);
  const stream = realm.stream(arn);
  if (stream === undefined) throw refuse("streamNotFound", { arn });
  return stream;
}

/** Answers ListStreams. */
export async function listStreams({ realm, request }: Call): Promise<Fields> {
  const limit = limitIn(request, streamBounds.streamsPerPage);
  const table = textIn(request, "TableName");
  const after = textIn(request, "ExclusiveStartStreamArn") ?? "";
  const all = realm
    .streams()
    .filter(
      ({ arn, tableName }) => arn > after && (table === undefined || tableName === nameOf(table)),
    );
  const page = all.slice(0, limit);
  const last = page.at(-1)?.arn;
  return {
    Streams: page.map(({ arn, tableName, label }) => ({
      StreamArn: arn,
      TableName: tableName,
      StreamLabel: label,
    })),
    ...(all.length > limit && last !== undefined ? { LastEvaluatedStreamArn: last } : {}),
  };
}

/** Answers DescribeStream. */
export async function describeStream(call: Call): Promise<Fields> {
  const stream = streamOf(call);
  const { realm, request } = call;
  const limit = limitIn(request, streamBounds.shardsPerPage);
  const table = realm.tables.get(stream.tableName);
  const isEnabling = table?.stream === stream && Date.now() < table.updatingUntilMs;
  const all = isEnabling ? [] : shardsSeen(call, stream);
  const page = all.slice(0, limit);
  const last = page.at(-1)?.ShardId;
  const { keyNames, viewType } = stream.frame;
  return {
    StreamDescription: {
      StreamArn: stream.arn,
      StreamLabel: stream.label,
      StreamStatus: statusOf(stream, isEnabling, table?.updatingUntilMs ?? 0),
      StreamViewType: viewType,
      CreationRequestDateTime: stream.createdMs / 1_000,
      TableName: stream.tableName,
      KeySchema: keyNames.map((AttributeName, index) => ({
        AttributeName,
        KeyType: index === 0 ? "HASH" : "RANGE",
      })),
      Shards: page,
      ...(all.length > limit && last !== undefined ? { LastEvaluatedShardId: last } : {}),
    },
  };
}

function statusOf(stream: Stream, isEnabling: boolean, untilMs: number): string {
  if (isEnabling) return "ENABLING";
  if (stream.disabledMs === undefined) return "ENABLED";
  return Date.now() < untilMs ? "DISABLING" : "DISABLED";
}

/** A shard as DescribeStream tells it. */
interface ToldShard {
  readonly ShardId: string;
  readonly ParentShardId?: string;
  readonly SequenceNumberRange: { StartingSequenceNumber: string; EndingSequenceNumber?: string };
}

/** What is asked for: after a shard, or the children of one. */
function shardsSeen({ request, faults }: Call, stream: Stream): readonly ToldShard[] {
  const stale = faults.first("stale");
  const seen = stale === undefined ? stream.shards.map(told) : staleShards(stream, stale);
  const filter = fieldsIn(request, "ShardFilter");
  if (Object.keys(filter).length > 0) return childrenOf(filter, seen);
  const after = textIn(request, "ExclusiveStartShardId");
  if (after === undefined) return seen;
  return seen.slice(seen.findIndex(({ ShardId }) => ShardId === after) + 1);
}

function childrenOf(filter: Fields, seen: readonly ToldShard[]): readonly ToldShard[] {
  const type = textIn(filter, "Type");
  if (type !== "CHILD_SHARDS") {
    throw wrong(type ?? "null", "shardFilter.type", "Member must satisfy enum value set: [CHILD_SHARDS]"); // prettier-ignore
  }
  const parent = requiredIn(filter, "ShardId", 28);
  return seen.filter(({ ParentShardId }) => ParentShardId === parent);
}

function told(shard: Shard): ToldShard {
  const { id, parentId, startsWith, endsWith } = shard;
  return {
    ShardId: id,
    SequenceNumberRange: {
      StartingSequenceNumber: String(startsWith),
      ...(endsWith === undefined ? {} : { EndingSequenceNumber: String(endsWith) }),
    },
    ...(parentId === undefined ? {} : { ParentShardId: parentId }),
  };
}

/** The shards, as an answer that is not consistent yet has them. */
function staleShards(stream: Stream, { how }: StaleFault): readonly ToldShard[] {
  const { shards } = stream;
  const parents = new Set(shards.map(({ parentId }) => parentId));
  const newest = shards.filter(({ id, parentId }) => !parents.has(id) && parentId !== undefined);
  const theirParents = new Set(newest.map(({ parentId }) => parentId));
  switch (how) {
    case "childless":
      return shards.filter((shard) => !newest.includes(shard)).map(told);
    case "orphaned":
      return shards.filter(({ id }) => !theirParents.has(id)).map(told);
    case "open-parent":
      return shards.map((shard) =>
        theirParents.has(shard.id) ? reopened(told(shard)) : told(shard),
      );
  }
}

function reopened(shard: ToldShard): ToldShard {
  const { StartingSequenceNumber } = shard.SequenceNumberRange;
  return { ...shard, SequenceNumberRange: { StartingSequenceNumber } };
}
