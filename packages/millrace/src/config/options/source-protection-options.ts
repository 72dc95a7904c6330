import { defaulting, optional } from "../option.ts";
import { byteSize, choice, duration, flag, integer } from "../option-type.ts";

const HOUR_MS = 3_600_000;
const MIB = 1024 * 1024;
const PIB = 1024 ** 5;

/** What keeps the full load from hurting the server that it reads. */
export const LOAD_PROTECTION_OPTIONS = {
  maxRowsPerSecond: optional(integer(1, 1_000_000_000, "rows per second"), {
    name: "scan.snapshot.max-rows-per-second",
    example: "20000",
    defaultDoc: "without bound",
    doc: "Rows that the full load reads per second, all chunks of the pipeline together; its chunks are made smaller where a slow rate would keep a snapshot open for long. The log is never slowed down.",
  }),
  maxBytesPerSecond: optional(byteSize(64 * 1024, PIB), {
    name: "scan.snapshot.max-bytes-per-second",
    example: "20mb",
    defaultDoc: "without bound",
    doc: "Bytes that the full load reads per second, as the server sends them, all chunks of the pipeline together. With both bounds the nearer one counts.",
  }),
  loadGivesWay: defaulting(flag, true, {
    name: "scan.snapshot.give-way",
    example: "false",
    doc: "While changes of tables in SYNC come, the full load takes as many lanes as leave these changes about as fast as they are without it, with rests where one lane is too many; at least a quarter of one lane's time. A load that keeps no change waiting, and one beside which none come, has all lanes. `false`: it has them at any time.",
  }),
} as const;

/** What keeps a slot from filling the server's disk. */
export const SLOT_PROTECTION_OPTIONS = {
  maxRetainedBytes: optional(byteSize(MIB, PIB), {
    name: "slot.max-retained",
    example: "50gb",
    defaultDoc: "without bound",
    doc: "Log that the server may keep on its disk for this pipeline's slot; `slot.max-retained.action` says what is done where it keeps more.",
  }),
  maxRetainedAction: defaulting(choice(["warn", "pause-load", "resync"]), "warn", {
    name: "slot.max-retained.action",
    example: "pause-load",
    doc: "`warn`: it is told. `pause-load`: no new chunk of the full load is read until the slot keeps less than 80 % of the bound; the log gets all there is. `resync`: the slot is given up, so that the server may free its disk, and the tables are loaded anew; needs `on-loss: resync`.",
  }),
} as const;

/** What keeps statements from holding anything at the server for long. */
export const STATEMENT_PROTECTION_OPTIONS = {
  statementTimeoutMs: defaulting(duration(1_000, 24 * HOUR_MS), 1_800_000, {
    name: "statement.timeout",
    example: "30min",
    doc: "How long one statement of this pipeline may run at the server, and how long a chunk of the full load may keep its snapshot: a chunk that takes longer goes on in another one. A table without key is read in one statement and one snapshot for as long as that takes.",
  }),
  lockTimeoutMs: defaulting(duration(100, HOUR_MS), 30_000, {
    name: "lock.timeout",
    example: "30s",
    doc: "How long a statement may wait for a lock. A table that is locked for longer is put off and tried again, while the log and the other tables go on.",
  }),
} as const;
