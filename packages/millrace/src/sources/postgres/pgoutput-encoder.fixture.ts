/** A small encoder of pgoutput, for tests: what a server would send. */

/** Marks an unchanged toasted value in {@link tuple}. */
export const TOAST = Symbol("toast");
export type Sent = string | null | typeof TOAST;

const u16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
};
const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
};
const u64 = (value: number | bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value));
  return bytes;
};
const text = (value: string): Buffer => Buffer.from(`${value}\0`, "utf8");
const tag = (letter: string): Buffer => Buffer.from(letter, "latin1");

export interface SentColumn {
  readonly name: string;
  readonly typeOid?: number;
  readonly typmod?: number;
  readonly isKey?: boolean;
}

export interface SentRelation {
  readonly oid: number;
  readonly schema?: string;
  readonly name: string;
  readonly replicaIdentity?: string;
  readonly columns: readonly SentColumn[];
}

export function relation(sent: SentRelation): Buffer {
  const columns = sent.columns.flatMap((column) => [
    Buffer.from([column.isKey === true ? 1 : 0]),
    text(column.name),
    u32(column.typeOid ?? 25),
    u32(column.typmod ?? -1),
  ]);
  return Buffer.concat([
    tag("R"),
    u32(sent.oid),
    text(sent.schema ?? "public"),
    text(sent.name),
    tag(sent.replicaIdentity ?? "d"),
    u16(sent.columns.length),
    ...columns,
  ]);
}

export function tuple(row: readonly Sent[]): Buffer {
  const cells = row.map((cell) => {
    if (cell === null) return tag("n");
    if (cell === TOAST) return tag("u");
    const bytes = Buffer.from(cell, "utf8");
    return Buffer.concat([tag("t"), u32(bytes.length), bytes]);
  });
  return Buffer.concat([u16(row.length), ...cells]);
}

export const insert = (oid: number, row: readonly Sent[]): Buffer =>
  Buffer.concat([tag("I"), u32(oid), tag("N"), tuple(row)]);

export function update(
  oid: number,
  row: readonly Sent[],
  old?: { kind: "K" | "O"; row: readonly Sent[] },
): Buffer {
  const before = old === undefined ? [] : [tag(old.kind), tuple(old.row)];
  return Buffer.concat([tag("U"), u32(oid), ...before, tag("N"), tuple(row)]);
}

export const remove = (oid: number, kind: "K" | "O", row: readonly Sent[]): Buffer =>
  Buffer.concat([tag("D"), u32(oid), tag(kind), tuple(row)]);

export const truncate = (oids: readonly number[]): Buffer =>
  Buffer.concat([tag("T"), u32(oids.length), Buffer.from([0]), ...oids.map(u32)]);

export const begin = (commitLsn: number, xid: number, micros = 0): Buffer =>
  Buffer.concat([tag("B"), u64(commitLsn), u64(micros), u32(xid)]);

export const commit = (commitLsn: number, endLsn: number, micros = 0): Buffer =>
  Buffer.concat([tag("C"), Buffer.from([0]), u64(commitLsn), u64(endLsn), u64(micros)]);

export const origin = (lsn: number, name: string): Buffer =>
  Buffer.concat([tag("O"), u64(lsn), text(name)]);

export const typeMessage = (oid: number, schema: string, name: string): Buffer =>
  Buffer.concat([tag("Y"), u32(oid), text(schema), text(name)]);

export const logicalMessage = (lsn: number, prefix: string, content: string): Buffer =>
  Buffer.concat([
    tag("M"),
    Buffer.from([1]),
    u64(lsn),
    text(prefix),
    u32(content.length),
    Buffer.from(content),
  ]);

/** The body of a CopyData message that carries log data. */
export const xlogData = (lsn: number, message: Buffer): Buffer =>
  Buffer.concat([tag("w"), u64(lsn), u64(lsn), u64(0), message]);

/** The body of a CopyData message that is a keepalive. */
export const keepalive = (walEnd: number, reply = false, micros = 0): Buffer =>
  Buffer.concat([tag("k"), u64(walEnd), u64(micros), Buffer.from([reply ? 1 : 0])]);

/** A CopyData message as it is on the wire. */
export const copyData = (body: Buffer): Buffer =>
  Buffer.concat([tag("d"), u32(body.length + 4), body]);
