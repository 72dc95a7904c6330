import type {
  Item,
  RecordsPage,
  ScanPage,
  ShardDescription,
  StreamPage,
  StreamRecord,
} from "./api.ts";
import { ServiceFault } from "./service-fault.ts";
import { viewOf } from "./table-description.ts";

/*
 * Answers of data calls, as the source takes them. Hot: called for every page, and once for every record. Items and keys
 * are handed on as they were parsed; what surrounds them is read by name, and trusted to be what the API reference says.
 */

type Fields = Readonly<Record<string, unknown>>;

/** What an answer tells beside its body. */
interface Around {
  readonly bytes: number;
  /** The service's clock, milliseconds since 1970. */
  readonly timeMs: number;
}

/** As DynamoDB writes it. Source: API reference, `Scan`. */
interface WireScan {
  readonly Items?: readonly Item[];
  readonly LastEvaluatedKey?: Item;
  readonly ConsumedCapacity?: { readonly CapacityUnits?: number };
}

/** A page of a Scan. */
export function scanPage(body: Fields, around: Around): ScanPage {
  const { Items, LastEvaluatedKey, ConsumedCapacity } = body as WireScan;
  return {
    items: needList(Items),
    lastKey: LastEvaluatedKey ?? null,
    units: ConsumedCapacity?.CapacityUnits ?? 0,
    ...around,
  };
}

/** As DynamoDB writes it. Source: API reference, `BatchGetItem`. */
interface WireBatch {
  readonly Responses?: Readonly<Record<string, readonly Item[]>>;
  readonly UnprocessedKeys?: Readonly<Record<string, { readonly Keys?: readonly Item[] }>>;
  /** One for each table. */
  readonly ConsumedCapacity?: readonly { readonly CapacityUnits?: number }[];
}

/** Items, the keys that the service has left over, and what it took, read units. */
export function batchPage(
  body: Fields,
  table: string,
): { readonly items: readonly Item[]; readonly left: readonly Item[]; readonly units: number } {
  const { Responses, UnprocessedKeys, ConsumedCapacity = [] } = body as WireBatch;
  return {
    items: Responses?.[table] ?? [],
    left: UnprocessedKeys?.[table]?.Keys ?? [],
    units: ConsumedCapacity.reduce((sum, { CapacityUnits = 0 }) => sum + CapacityUnits, 0),
  };
}

/** As Streams writes it. Source: Streams API reference, `StreamDescription`. */
interface WireStream {
  readonly StreamDescription?: {
    readonly StreamStatus?: string;
    readonly StreamViewType?: string;
    readonly LastEvaluatedShardId?: string;
    readonly Shards?: readonly {
      readonly ShardId: string;
      readonly ParentShardId?: string;
      readonly SequenceNumberRange?: {
        readonly StartingSequenceNumber?: string;
        readonly EndingSequenceNumber?: string;
      };
    }[];
  };
}

const STATUSES = ["ENABLING", "ENABLED", "DISABLING", "DISABLED"] as const;

/** A page of DescribeStream. @throws ServiceFault where it is none. */
export function streamPage(body: Fields, timeMs: number): StreamPage {
  const { StreamDescription: stream } = body as WireStream;
  const status = STATUSES.find((known) => known === stream?.StreamStatus);
  const view = viewOf(stream?.StreamViewType);
  if (stream === undefined || status === undefined || view === null)
    throw new ServiceFault("NoAnswer", "the answer describes no stream");
  const shards = (stream.Shards ?? []).map((shard): ShardDescription => {
    const { StartingSequenceNumber, EndingSequenceNumber } = shard.SequenceNumberRange ?? {};
    return {
      id: shard.ShardId,
      parent: shard.ParentShardId ?? null,
      starting: StartingSequenceNumber ?? null,
      ending: EndingSequenceNumber ?? null,
    };
  });
  // Only an empty one means the end: a page may be short, and yet have a next one.
  return { status, view, shards, lastShard: stream.LastEvaluatedShardId ?? null, timeMs };
}

/** As Streams writes it. Source: Streams API reference, `Record`. */
interface WireRecord {
  readonly eventID: string;
  readonly eventName: StreamRecord["event"];
  readonly userIdentity?: { readonly PrincipalId?: string } | null;
  readonly dynamodb: {
    readonly ApproximateCreationDateTime: number;
    readonly Keys: Item;
    readonly NewImage?: Item;
    readonly OldImage?: Item;
    readonly SequenceNumber: string;
    readonly SizeBytes?: number;
  };
}

interface WireRecords {
  readonly Records?: readonly WireRecord[];
  readonly NextShardIterator?: string | null;
}

/** A page of GetRecords. @throws ServiceFault where it is none. */
export function recordsPage(body: Fields, around: Around): RecordsPage {
  const { Records, NextShardIterator } = body as WireRecords;
  return {
    records: needList(Records).map(streamRecord),
    next: NextShardIterator ?? null,
    ...around,
  };
}

function streamRecord({ eventID, eventName, userIdentity, dynamodb }: WireRecord): StreamRecord {
  return {
    eventId: eventID,
    event: eventName,
    sequence: dynamodb.SequenceNumber,
    timeMs: Math.round(dynamodb.ApproximateCreationDateTime * 1_000),
    keys: dynamodb.Keys,
    newImage: dynamodb.NewImage ?? null,
    oldImage: dynamodb.OldImage ?? null,
    sizeBytes: dynamodb.SizeBytes ?? 0,
    principal: userIdentity?.PrincipalId ?? null,
  };
}

/** As STS' and GetShardIterator's: one text. @throws ServiceFault where it is not there. */
export function needText(value: unknown, name: string): string {
  if (typeof value === "string" && value !== "") return value;
  throw new ServiceFault("NoAnswer", `the answer has no ${name}`);
}

/** An answer without its list is none of the service's: read as an empty one it would be a hole (I1). */
function needList<T>(list: readonly T[] | undefined): readonly T[] {
  const isList: boolean = Array.isArray(list);
  if (list !== undefined && isList) return list;
  throw new ServiceFault("NoAnswer", "the answer has no list");
}

/** As the Tagging API writes it. Source: its reference, `GetResources`. */
interface WireResources {
  readonly PaginationToken?: string;
  readonly ResourceTagMappingList?: readonly { readonly ResourceARN?: string }[];
}

/** Names of the tables of a page, and the token of the next one; null behind the last. */
export function resourcesPage(body: Fields): {
  readonly tables: readonly string[];
  readonly next: string | null;
} {
  const { PaginationToken, ResourceTagMappingList } = body as WireResources;
  const tables = needList(ResourceTagMappingList).flatMap(({ ResourceARN }) => {
    const name = /^arn:[^:]*:dynamodb:[^:]*:[^:]*:table\/([^/]+)$/.exec(ResourceARN ?? "")?.[1];
    return name === undefined ? [] : [name];
  });
  // The service ends with an empty token, others with none.
  const token = PaginationToken ?? "";
  return { tables, next: token === "" ? null : token };
}
