/**
 * What the source asks of AWS, whoever answers: DynamoDB, DynamoDB Streams, the Resource Groups Tagging API. Answers are
 * the service's own JSON, parsed once and never converted: numbers stay the text that they are.
 */

/**
 * A value as DynamoDB writes it in JSON. Exactly one member is there. Binary is base64; numbers are decimal text of up to 38 digits.
 * Source: DynamoDB API reference, `AttributeValue`.
 */
export type AttributeValue =
  | { readonly S: string }
  | { readonly N: string }
  | { readonly B: string }
  | { readonly BOOL: boolean }
  | { readonly NULL: true }
  | { readonly SS: readonly string[] }
  | { readonly NS: readonly string[] }
  | { readonly BS: readonly string[] }
  | { readonly L: readonly AttributeValue[] }
  | { readonly M: Item };

/** Attributes by their names: an item, a key, a map. */
export type Item = Readonly<Record<string, AttributeValue>>;

/** What an image of a stream holds. */
export type StreamViewType = "KEYS_ONLY" | "NEW_IMAGE" | "OLD_IMAGE" | "NEW_AND_OLD_IMAGES";

/** A table as DescribeTable tells it. */
export interface TableDescription {
  readonly name: string;
  readonly arn: string;
  /** Another one where the table was made anew under its name. */
  readonly tableId: string;
  readonly status: string;
  /** Attributes of the key, HASH first; `type` is `S`, `N` or `B`. */
  readonly key: readonly { readonly name: string; readonly type: "S" | "N" | "B" }[];
  /** Null where it has no stream, or the stream is disabled. */
  readonly stream: { readonly arn: string; readonly view: StreamViewType } | null;
  /** The ARN of the stream that it had last, enabled or not; null where it never had one. */
  readonly latestStreamArn: string | null;
  /** The service's own count, up to six hours old. */
  readonly itemCount: number;
  readonly sizeBytes: number;
  /** Provisioned read capacity units per second; 0 of an on-demand table. */
  readonly readUnits: number;
  /** Most read request units per second of an on-demand table; null where it has no limit of its own. */
  readonly maxReadUnits: number | null;
}

/** A page of a Scan. */
export interface ScanRequest {
  readonly table: string;
  readonly segment: number;
  readonly segments: number;
  /** Where the page before ended; null for the first of the segment. */
  readonly startKey: Item | null;
  readonly limit?: number;
  readonly consistent: boolean;
}

export interface ScanPage {
  readonly items: readonly Item[];
  /** Null behind the last page of the segment; a page without items may have one. */
  readonly lastKey: Item | null;
  /** Read capacity units that it took. */
  readonly units: number;
  /** Length of the answer, bytes. */
  readonly bytes: number;
  /** The service's clock when it answered, milliseconds since 1970. */
  readonly timeMs: number;
}

/** Items that were asked for by their keys. */
export interface FoundItems {
  readonly items: readonly Item[];
  /** Read capacity units that they took. */
  readonly units: number;
  /** The service left keys over of an answer that had room for more: it has to be read slower. */
  readonly isThrottled: boolean;
}

/** A shard as DescribeStream lists it. */
export interface ShardDescription {
  readonly id: string;
  readonly parent: string | null;
  readonly starting: string | null;
  /** Null while the shard is open. */
  readonly ending: string | null;
}

export interface StreamPage {
  readonly status: "ENABLING" | "ENABLED" | "DISABLING" | "DISABLED";
  readonly shards: readonly ShardDescription[];
  /** Null behind the last page. */
  readonly lastShard: string | null;
  readonly view: StreamViewType;
  /** The service's clock when it answered, milliseconds since 1970. */
  readonly timeMs: number;
}

/** Where an iterator begins. */
export type IteratorStart =
  | { readonly at: "TRIM_HORIZON" | "LATEST" }
  | { readonly at: "AT_SEQUENCE_NUMBER" | "AFTER_SEQUENCE_NUMBER"; readonly sequence: string };

/** A record of a stream. */
export interface StreamRecord {
  readonly eventId: string;
  readonly event: "INSERT" | "MODIFY" | "REMOVE";
  /** Decimal text of 21 to 40 digits: compared as numbers, never as text. */
  readonly sequence: string;
  /** Rounded down to the second by the service, milliseconds since 1970. */
  readonly timeMs: number;
  readonly keys: Item;
  readonly newImage: Item | null;
  readonly oldImage: Item | null;
  readonly sizeBytes: number;
  /** Who did it, where that was the service: `dynamodb.amazonaws.com` deletes what has expired (TTL). */
  readonly principal: string | null;
}

export interface RecordsPage {
  readonly records: readonly StreamRecord[];
  /** Null where the shard is closed and read to its end. */
  readonly next: string | null;
  /** Length of the answer, bytes. */
  readonly bytes: number;
  /** The service's clock when it answered, milliseconds since 1970. */
  readonly timeMs: number;
}

/**
 * The calls, each with its own retries of what passes by itself (throttling, a lost connection, an expired token). What they
 * reject with is a MillraceError, the service's own code in its `cause`; {@link serviceCode} reads it.
 */
export interface DynamoApi {
  describeTable(table: string, signal?: AbortSignal): Promise<TableDescription>;
  scan(request: ScanRequest, signal?: AbortSignal): Promise<ScanPage>;
  /** Consistent reads of up to 100 keys; a key without item is absent. What the service leaves over is asked for again. */
  getItems(
    table: string,
    keys: readonly Item[],
    options?: { readonly signal?: AbortSignal; readonly attributes?: readonly string[] },
  ): Promise<FoundItems>;
  /** One page; `childrenOf` asks for the children of a shard alone. */
  describeStream(
    stream: string,
    options?: {
      readonly after?: string | null;
      readonly childrenOf?: string;
      readonly signal?: AbortSignal;
    },
  ): Promise<StreamPage>;
  shardIterator(
    stream: string,
    shard: string,
    start: IteratorStart,
    signal?: AbortSignal,
  ): Promise<string>;
  records(
    iterator: string,
    options?: { readonly limit?: number; readonly signal?: AbortSignal },
  ): Promise<RecordsPage>;
  /** Names of tables that carry the tags, all pages; gone ones may be among them. */
  taggedTables(
    tags: readonly { readonly key: string; readonly values?: readonly string[] }[],
    signal?: AbortSignal,
  ): Promise<readonly string[]>;
  /** The account that the credentials belong to, twelve digits. */
  account(signal?: AbortSignal): Promise<string>;
  close(): Promise<void>;
}
