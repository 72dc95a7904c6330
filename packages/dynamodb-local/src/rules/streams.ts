/** Streams, shards and iterators. */
import type { Rule } from "./rule.ts";

/** The numbers of DynamoDB Streams. */
export const streamBounds = {
  retentionMs: 24 * 3_600_000,
  iteratorLifeMs: 15 * 60_000,
  rotationMs: 4 * 3_600_000,
  recordsPerCall: 1_000,
  bytesPerCall: 1_048_576,
  shardsPerPage: 100,
  streamsPerPage: 100,
  describesPerSecond: 10,
  readsPerShardAndSecond: 5,
} as const;

/** Rows keyed by a short name. */
export const streamRules = {
  streamNotFound: {
    code: "ResourceNotFoundException",
    text: "Requested resource not found: Stream: {arn} not found",
    source: "I",
    fidelity: "exact",
    kept: "a stream that never was, of another region or account, or disabled for more than 24 hours",
  },
  shardNotFound: {
    code: "ResourceNotFoundException",
    text: "Requested resource not found: Shard does not exist",
    source: "I",
    fidelity: "exact",
    kept: "GetShardIterator of a shard that never was or is trimmed whole; GetRecords likewise",
  },
  trimmed: {
    code: "TrimmedDataAccessException",
    text: "The data you are trying to access has been trimmed",
    source: "API, I",
    fidelity: "exact",
    kept: "GetShardIterator with a number that is trimmed; GetRecords where a record that it would have given is trimmed",
  },
  expiredIterator: {
    code: "ExpiredIteratorException",
    text: "The provided iterator exceeds the maximum age allowed",
    source: "API",
    fidelity: "close",
    kept: "GetRecords, 15 minutes after the iterator was given, by the adjustable clock",
  },
  invalidIterator: {
    code: "ValidationException",
    text: "Invalid ShardIterator",
    source: "ours",
    fidelity: "unknown",
    kept: "GetRecords with a text that is no iterator",
  },
  sequenceMissing: {
    code: "ValidationException",
    text: "SequenceNumber is required for ShardIteratorType {type}",
    source: "ours",
    fidelity: "unknown",
    kept: "GetShardIterator AT_ and AFTER_SEQUENCE_NUMBER",
  },
  sequenceNotExpected: {
    code: "ValidationException",
    text: "SequenceNumber must not be specified for ShardIteratorType {type}",
    source: "ours",
    fidelity: "unknown",
    kept: "GetShardIterator TRIM_HORIZON and LATEST",
  },
  sequenceOutside: {
    code: "ValidationException",
    text: "Invalid SequenceNumber: {sequence} is not in the range of shard {shard}",
    source: "ours",
    fidelity: "unknown",
    kept: "GetShardIterator with a number that is not of this shard",
  },
  constraint: {
    code: "ValidationException",
    text: "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}",
    source: "API, DY",
    fidelity: "exact",
    kept: "members of a Streams call outside of what the service's model allows",
  },
  describeRate: {
    code: "LimitExceededException",
    text: "Subscriber limit exceeded: The rate of DescribeStream requests exceeds 10 per second.",
    source: "API",
    fidelity: "close",
    kept: "only with `streamLimits`; the text is ours",
  },
  readRate: {
    code: "LimitExceededException",
    text: "Subscriber limit exceeded: The rate of GetRecords requests exceeds 5 per second for shard {shard}.",
    source: "API",
    fidelity: "close",
    kept: "only with `streamLimits`: five a second and shard stand for the two readers that the service allows",
  },
} as const satisfies Record<string, Rule>;
