/** What the services do that is no refusal, and how it is kept here. */
import type { Fidelity } from "./rule.ts";

/** One row of the page. */
export interface Behaviour {
  readonly what: string;
  readonly source: string;
  readonly fidelity: Fidelity;
  readonly kept: string;
}

/** All of them, in the order of the page. */
export const behaviours: readonly Behaviour[] = [
  {
    what: "Items: types, numbers of 38 digits normalised, expressions, conditions, indexes, pages of 1 MB, parallel scans, the texts of validation",
    source: "DY",
    fidelity: "close",
    kept: "dynalite 4.0.0, whose answers were recorded on the service by its authors; read capacity of Scan and Query as it counts it",
  },
  {
    what: "GetItem, PutItem and the others take a table's ARN for its name",
    source: "API",
    fidelity: "exact",
    kept: "all calls of one table but CreateTable",
  },
  {
    what: "Records of one item are in the order of its writes; each appears once",
    source: "DG",
    fidelity: "exact",
    kept: "a lock for each item, held over the write and its record; tested with concurrent writers under splits",
  },
  {
    what: "A write that changes nothing leaves no record",
    source: "DG",
    fidelity: "exact",
    kept: "the item before and after is compared: numbers as numbers, sets without an order",
  },
  {
    what: "BatchWriteItem and TransactWriteItems leave one record for each item that they change",
    source: "DG",
    fidelity: "exact",
    kept: "with the lock of every item held",
  },
  {
    what: "eventID, eventVersion 1.1, awsRegion of the table, ApproximateCreationDateTime in whole seconds",
    source: "API",
    fidelity: "exact",
    kept: "as the samples of the documentation have them",
  },
  {
    what: "SizeBytes",
    source: "API",
    fidelity: "close",
    kept: "names and values of keys and images in UTF-8: equal to the documentation's samples; nested values by the rules for item sizes",
  },
  {
    what: "Sequence numbers: 21 to 40 digits, growing within a shard and its descendants, with gaps",
    source: "API, I",
    fidelity: "close",
    kept: "a prefix that grows with each shard, and a counter; the first children's numbers have a digit more than their parents'",
  },
  {
    what: "Shards roll over after about four hours",
    source: "I",
    fidelity: "close",
    kept: "after exactly four hours of the adjustable clock, each with one child; an idle one, too",
  },
  {
    what: "Shards split where their partition does",
    source: "DG",
    fidelity: "close",
    kept: "only by the control port; two children with half of the hash keys each",
  },
  {
    what: "A stream begins with a shard for each partition",
    source: "DG",
    fidelity: "close",
    kept: "four on demand; provisioned one for each 3,000 RCU and 1,000 WCU, summed; or as many as the option says",
  },
  {
    what: "A closed shard has an EndingSequenceNumber",
    source: "API",
    fidelity: "unknown",
    kept: "behind its last record, and no record's own",
  },
  {
    what: "Records are kept for 24 hours, a closed shard as long as its youngest record could be",
    source: "DG",
    fidelity: "close",
    kept: "to the millisecond of the adjustable clock; the service trims some time after",
  },
  {
    what: "A child names its parent when that is trimmed already",
    source: "I",
    fidelity: "exact",
    kept: "always",
  },
  {
    what: "DescribeStream gives 100 shards a page, oldest first; only an absent LastEvaluatedShardId is the end",
    source: "API",
    fidelity: "close",
    kept: "the order of the service is not promised",
  },
  {
    what: "DescribeStream may be behind: closed parents without children, open parents with children, children without parents",
    source: "I",
    fidelity: "close",
    kept: "only as the fault `stale`",
  },
  {
    what: "ShardFilter with CHILD_SHARDS",
    source: "API",
    fidelity: "exact",
    kept: "DescribeStream",
  },
  {
    what: "GetRecords gives up to 1,000 records or 1 MB; an empty page is no end, an absent NextShardIterator is",
    source: "API",
    fidelity: "exact",
    kept: "1 MB of SizeBytes; empty pages in between as the fault `empty`",
  },
  {
    what: "A stream that is disabled, or whose table is deleted, can be read for 24 hours; enabling makes another ARN",
    source: "DG, R",
    fidelity: "exact",
    kept: "all its shards are closed, DescribeTable keeps LatestStreamArn and has no StreamSpecification",
  },
  {
    what: "A table that is made anew has another TableId and another stream",
    source: "API",
    fidelity: "exact",
    kept: "a random UUID",
  },
  {
    what: "Items are deleted within a few days of their time, and the record says who did it",
    source: "DG",
    fidelity: "close",
    kept: "at the next sweep (`ttlSweepMs`, or the control port); times older than five years are none; no pause between changes of the setting",
  },
  {
    what: "A transaction is all or nothing, with a reason for each action; its token makes it idempotent for ten minutes",
    source: "API",
    fidelity: "close",
    kept: "every action is tried in a twin of its table first; writers wait for each other, so there is no TransactionConflict",
  },
  {
    what: "TransactGetItems sees one moment",
    source: "API",
    fidelity: "exact",
    kept: "writers of its items wait",
  },
  {
    what: "Throughput: 300 seconds of what was not used; what is over is refused",
    source: "DG",
    fidelity: "close",
    kept: "only with `throttle`; a table is one bucket, not one for each partition, and the last call may overdraw it",
  },
  {
    what: "Regions and accounts do not see each other",
    source: "DG",
    fidelity: "exact",
    kept: "by the signature's scope and the access key; cross-account access by resource policies is not there",
  },
  {
    what: "GetResources lists tables that are tagged, and those that were; the last page has an empty token",
    source: "API",
    fidelity: "close",
    kept: "tags are seen at once, or after `tagDelayMs`; so long a deleted table is still listed; a token may be used twice",
  },
  {
    what: "AssumeRole checks the role's trust: principals and external id",
    source: "DG",
    fidelity: "close",
    kept: "for roles that the control port made known; all others may be assumed by everybody, in any account",
  },
  {
    what: "IAM policies",
    source: "DG",
    fidelity: "close",
    kept: "only as the fault `deny`, by action and resource, of all but what is excepted; documents of policies are not evaluated",
  },
  {
    what: "Not there",
    source: "ours",
    fidelity: "unknown",
    kept: "PartiQL, backups and point-in-time recovery, exports and imports, global tables, Kinesis destinations, adding and removing indexes, resource policies",
  },
];
