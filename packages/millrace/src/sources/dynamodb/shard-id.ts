/** `shardId-00000001541626099285-f35f62ef`: the number is when the shard was opened, milliseconds since 1970. */
const SHARD_ID = /^shardId-(\d{1,20})-/;
/** Of shards of one process; a table has some hundreds in a day. */
const MOST_REMEMBERED = 20_000;

const opened = new Map<string, number>();

/**
 * When a shard was opened, as its id tells, milliseconds since 1970; Infinity where the id has another form (a stand-in):
 * such a shard counts as newer than everything.
 */
export function openedMs(shard: string): number {
  const known = opened.get(shard);
  if (known !== undefined) return known;
  const [, digits] = SHARD_ID.exec(shard) ?? [];
  const ms = digits === undefined ? Number.POSITIVE_INFINITY : Number(digits);
  if (opened.size >= MOST_REMEMBERED) opened.clear();
  opened.set(shard, ms);
  return ms;
}
