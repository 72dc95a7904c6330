/** Requests that the library does not make as we need them, and their answers, read into flat lists. */
import { type Reader, Writer } from "@platformatic/kafka";
import type { RawRequest } from "./broker-connection.ts";

const PRODUCE = 0;
const FETCH = 1;
const ADD_PARTITIONS = 24;
const END_TXN = 26;
const FETCH_BY_NAME = 12;
const FETCH_BY_ID = 13;
const PRODUCE_BY_ID = 13;
const ADD_PARTITIONS_VERSION = 3;
const ALL_REPLICAS = -1;
const READ_UNCOMMITTED = 0;
const READ_COMMITTED = 1;

/** A partition of a topic. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** What a broker says of one partition. */
export interface PartitionAnswer extends TopicPartition {
  readonly errorCode: number;
  readonly message: string | null;
}

/** What a broker says of one batch. */
export interface ProducedAnswer extends PartitionAnswer {
  /** Of its first record; −1 where the broker does not say. */
  readonly baseOffset: number;
}

/** Batches for partitions that one broker leads; one for each. */
export interface ProduceRequest {
  /** Without ids of topics. */
  readonly version: number;
  /** Topics are named by their ids, and all batches have one: another topic of the same name takes none of them. */
  readonly isById?: boolean;
  readonly transactionalId: string | null;
  readonly timeoutMs: number;
  readonly batches: readonly (TopicPartition & {
    readonly topicId?: string;
    readonly bytes: Buffer;
  })[];
}

/** What a broker says of a Produce. */
export interface ProduceAnswer {
  readonly partitions: readonly ProducedAnswer[];
  /** So long the broker reads nothing more from this client, because of a quota; milliseconds. */
  readonly throttledMs: number;
}

/** Acknowledged by all replicas in sync. */
export function produceRequest(request: ProduceRequest): RawRequest<ProduceAnswer> {
  const { version, isById = false, transactionalId, timeoutMs, batches } = request;
  const names = new Map(batches.map(({ topic, topicId }) => [topicId, topic]));
  return {
    api: PRODUCE,
    version: isById ? PRODUCE_BY_ID : version,
    payload: () =>
      Writer.create()
        .appendString(transactionalId)
        .appendInt16(ALL_REPLICAS)
        .appendInt32(timeoutMs)
        .appendArray([...byTopic(batches)], (writer, [topic, own]) => {
          if (isById) writer.appendUUID(own[0]?.topicId);
          else writer.appendString(topic);
          writer.appendArray([...own], (w, { partition, bytes }) => {
            // A compact length is one more than it is.
            w.appendInt32(partition)
              .appendUnsignedVarInt(bytes.length + 1)
              .append(bytes);
          });
        })
        .appendTaggedFields(),
    parse: (_id, _api, _version, reader) => {
      const answers = reader.readArray((topicReader) => {
        const topic = isById ? names.get(topicReader.readUUID()) : topicReader.readString();
        return topicReader.readArray((r) => producedIn(topic ?? "", r));
      });
      return { partitions: answers.flat(), throttledMs: reader.readInt32() };
    },
  };
}

function producedIn(topic: string, reader: Reader): ProducedAnswer {
  const partition = reader.readInt32();
  const errorCode = reader.readInt16();
  const baseOffset = Number(reader.readInt64());
  // Time, first offset.
  reader.skip(16);
  const records = reader.readArray((r) => {
    r.readInt32();
    return r.readNullableString();
  });
  const message = reader.readNullableString() ?? records.find((each) => each !== null) ?? null;
  return { topic, partition, errorCode, message, baseOffset };
}

/** The tagged field of a Fetch's partition that says so. */
const DIVERGING_EPOCH = 0;

/** What a Fetch asks for: one partition. */
export interface FetchRequest extends TopicPartition {
  /** What stands behind the first open transaction too, and what it has written: where nothing is said, only what is committed. */
  readonly isolation?: "committed" | "uncommitted";
  /** The topic is asked for by this, and not by its name: another one of that name is never read in its stead. */
  readonly topicId: string | null;
  readonly offset: number;
  /** Under which leader's epoch the message before `offset` was written; −1 where nobody knows. */
  readonly lastEpoch?: number;
  readonly maxWaitMs: number;
  readonly maxBytes: number;
}

/** What a Fetch brings. */
export interface FetchAnswer {
  readonly errorCode: number;
  readonly highWatermark: number;
  /** Every transaction that began before this offset has ended. */
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  /** Where transactions that were aborted begin, by their producer. */
  readonly aborted: readonly { readonly producerId: bigint; readonly firstOffset: number }[];
  /** Batches of records. */
  readonly records: Buffer;
  /** Where the epoch that was asked with ends here, before the offset that was asked for: what was read between is not in this log. */
  readonly divergesAt?: number;
}

/** Without a session: each request says all. */
export function fetchRequest(request: FetchRequest): RawRequest<FetchAnswer> {
  return {
    api: FETCH,
    version: request.topicId === null ? FETCH_BY_NAME : FETCH_BY_ID,
    payload: () =>
      Writer.create()
        .appendInt32(-1)
        .appendInt32(request.maxWaitMs)
        .appendInt32(1)
        .appendInt32(request.maxBytes)
        .appendInt8(request.isolation === "uncommitted" ? READ_UNCOMMITTED : READ_COMMITTED)
        .appendInt32(0)
        .appendInt32(-1)
        .appendArray(
          [request],
          (writer, { topic, topicId, partition, offset, lastEpoch = -1, maxBytes }) => {
            if (topicId === null) writer.appendString(topic);
            else writer.appendUUID(topicId);
            writer.appendArray([partition], (w, index) => {
              w.appendInt32(index)
                .appendInt32(-1)
                .appendInt64(BigInt(offset))
                .appendInt32(lastEpoch)
                .appendInt64(-1n)
                .appendInt32(maxBytes);
            });
          },
        )
        .appendArray([], () => undefined)
        .appendString("")
        .appendTaggedFields(),
    parse: (_id, _api, version, reader) => fetchAnswer(reader, version === FETCH_BY_ID),
  };
}

function fetchAnswer(reader: Reader, isById: boolean): FetchAnswer {
  reader.readInt32();
  const errorCode = reader.readInt16();
  reader.readInt32();
  const [answer] = reader
    .readArray((topicReader) => {
      if (isById) topicReader.readUUID();
      else topicReader.readString();
      return topicReader.readArray(partitionFetched, true, false);
    })
    .flat();
  const none = { highWatermark: -1, lastStableOffset: -1, logStartOffset: -1 };
  if (answer === undefined) return { ...none, errorCode, aborted: [], records: Buffer.alloc(0) };
  return errorCode === 0 ? answer : { ...answer, errorCode };
}

function partitionFetched(reader: Reader): FetchAnswer {
  reader.readInt32();
  const errorCode = reader.readInt16();
  const highWatermark = Number(reader.readInt64());
  const lastStableOffset = Number(reader.readInt64());
  const logStartOffset = Number(reader.readInt64());
  const aborted = reader.readNullableArray((r) => ({
    producerId: r.readInt64(),
    firstOffset: Number(r.readInt64()),
  }));
  // A replica that would be nearer.
  reader.readInt32();
  const records = reader.readNullableBytes() ?? Buffer.alloc(0);
  return {
    errorCode,
    highWatermark,
    lastStableOffset,
    logStartOffset,
    aborted: aborted ?? [],
    records,
    ...divergence(reader),
  };
}

/** Reads the tagged fields of a partition. */
function divergence(reader: Reader): Pick<FetchAnswer, "divergesAt"> {
  let found = {};
  for (let left = reader.readUnsignedVarInt(); left > 0; left--) {
    const tag = reader.readUnsignedVarInt();
    const bytes = reader.readUnsignedVarInt();
    if (tag === DIVERGING_EPOCH) {
      reader.readInt32();
      found = { divergesAt: Number(reader.readInt64()) };
      reader.readTaggedFields();
    } else reader.skip(bytes);
  }
  return found;
}

/** By which a coordinator and the partitions tell one life of a transactional id from another. */
export interface ProducerEpoch {
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

/** Who ends, or begins, a transaction. */
export interface ProducerIdentity extends ProducerEpoch {
  readonly transactionalId: string;
}

/** What a coordinator says of partitions that are to be added. */
export interface AddPartitionsAnswer {
  readonly partitions: readonly PartitionAnswer[];
  /** See {@link ProduceAnswer}. */
  readonly throttledMs: number;
}

/** Makes partitions part of a transaction, before the first batch to each (transactions of the first kind). */
export function addPartitionsRequest(
  { transactionalId, producerId, producerEpoch }: ProducerIdentity,
  partitions: readonly TopicPartition[],
): RawRequest<AddPartitionsAnswer> {
  return {
    api: ADD_PARTITIONS,
    version: ADD_PARTITIONS_VERSION,
    payload: () =>
      Writer.create()
        .appendString(transactionalId)
        .appendInt64(producerId)
        .appendInt16(producerEpoch)
        .appendArray([...byTopic(partitions)], (writer, [topic, own]) => {
          writer
            .appendString(topic)
            .appendArray(
              [...own],
              (w, { partition }) => void w.appendInt32(partition),
              true,
              false,
            );
        })
        .appendTaggedFields(),
    parse: (_id, _api, _version, reader) => {
      const throttledMs = reader.readInt32();
      const answers = reader.readArray((topicReader) => {
        const topic = topicReader.readString();
        return topicReader.readArray((r) => {
          const partition = r.readInt32();
          return { topic, partition, errorCode: r.readInt16(), message: null };
        });
      });
      return { partitions: answers.flat(), throttledMs };
    },
  };
}

/** How a transaction ended, and who writes the next one. */
export interface EndTxnAnswer {
  readonly errorCode: number;
  /** Null where it stays the same (transactions of the first kind). */
  readonly next: ProducerEpoch | null;
  /** See {@link ProduceAnswer}. */
  readonly throttledMs: number;
}

/** Commits or aborts. */
export function endTxnRequest(
  { transactionalId, producerId, producerEpoch }: ProducerIdentity,
  version: number,
  commits: boolean,
): RawRequest<EndTxnAnswer> {
  return {
    api: END_TXN,
    version,
    payload: () =>
      Writer.create()
        .appendString(transactionalId)
        .appendInt64(producerId)
        .appendInt16(producerEpoch)
        .appendBoolean(commits)
        .appendTaggedFields(),
    parse: (_id, _api, _version, reader) => {
      const throttledMs = reader.readInt32();
      const errorCode = reader.readInt16();
      if (version < 5 || errorCode !== 0) return { errorCode, next: null, throttledMs };
      const next = { producerId: reader.readInt64(), producerEpoch: reader.readInt16() };
      return { errorCode, next, throttledMs };
    },
  };
}

function byTopic<Each extends TopicPartition>(
  partitions: readonly Each[],
): ReadonlyMap<string, readonly Each[]> {
  return Map.groupBy(partitions, ({ topic }) => topic);
}
