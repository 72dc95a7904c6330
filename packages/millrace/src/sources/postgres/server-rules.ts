import { isLoopback } from "../../model/loopback.ts";
import { CATALOGUE } from "../../errors/catalogue.ts";
import type { FindingRule, Observed } from "./finding-rule.ts";
import { type Matter, raiseSetting, replicationMatter, walLevelMatter } from "./managed.ts";
import { foreignReason, isBeingMade } from "./slot.ts";
import { lossRemedy, type SlotLoss, slotLoss } from "./slot-loss.ts";

const OLDEST_VERSION = 13;
/** The newest that was tested; later ones are not refused. */
const NEWEST_VERSION = 18;
/** Standbys decode since then. */
const DECODING_STANDBY = 16;
const LONG_TRANSACTION_S = 60;

/** Version, encoding, standby, encryption, and whether the log can be read at all. */
export const SERVER_RULES: readonly FindingRule[] = [
  {
    severity: "error",
    when: ({ server }) => server.version < OLDEST_VERSION,
    what: ({ server }) => `The server is PostgreSQL ${server.version}.`,
    follows: () => "Its log cannot be read as this source does.",
    remedy: () => `Upgrade it to ${OLDEST_VERSION} or later.`,
  },
  {
    severity: "warning",
    when: ({ server }) => server.version > NEWEST_VERSION,
    what: ({ server }) => `The server is PostgreSQL ${server.version}.`,
    follows: () => "This version was not tested.",
    remedy: () => "Try it with a copy first.",
  },
  {
    severity: "error",
    when: ({ server }) => server.encoding === "SQL_ASCII",
    what: () => "The database's encoding is SQL_ASCII.",
    follows: () =>
      "The bytes of its texts mean nothing certain and could not be carried without loss.",
    remedy: () => "Move the data to a database with encoding UTF8.",
  },
  {
    severity: "error",
    when: ({ server }) => server.inRecovery && server.version < DECODING_STANDBY,
    what: () => "The server is a standby.",
    follows: () => `Standbys before ${DECODING_STANDBY} cannot decode their log.`,
    remedy: () => "Connect to the primary.",
  },
  {
    severity: "warning",
    when: ({ server, options }) =>
      server.inRecovery && server.version >= DECODING_STANDBY && options.primary === null,
    what: () => "The server is a standby, and primary.hostname is not given.",
    follows: () =>
      "The publication must be made on the primary by an administrator, and no heartbeat is written.",
    remedy: () => "Write primary.hostname, or publication.create: never.",
  },
  {
    severity: "warning",
    when: ({ server, options }) => !server.encrypted && !isLoopback(options.hostname),
    what: () => "The connection is not encrypted.",
    follows: () => "Rows travel as plain text.",
    remedy: () =>
      "Turn on ssl at the server and set ssl-mode to verify-full, or keep the way private.",
  },
  {
    severity: "error",
    when: ({ server }) => server.walLevel !== "logical",
    ...matter(({ server }) => walLevelMatter(server.walLevel, server.provider)),
  },
  {
    severity: "error",
    when: ({ server }) => !server.mayReplicate,
    ...matter(({ server }) => replicationMatter(server.role, server.provider)),
  },
  {
    severity: "error",
    when: ({ server, slot }) => slot === null && server.slotsUsed >= server.slotsMost,
    what: ({ server }) => `All ${server.slotsMost} replication slots are taken.`,
    follows: () => "The pipeline's slot cannot be made.",
    remedy: ({ server }) =>
      `Drop a slot that nobody needs, or ${raiseSetting("max_replication_slots", server.provider)}.`,
  },
  {
    severity: "error",
    when: ({ server }) => server.sendersUsed >= server.sendersMost,
    what: ({ server }) => `All ${server.sendersMost} WAL senders are in use.`,
    follows: () => "The log cannot be read.",
    remedy: ({ server }) =>
      `Stop another reader, or ${raiseSetting("max_wal_senders", server.provider)}.`,
  },
  {
    severity: "warning",
    when: ({ server, slot }) => slot === null && (server.oldestWriterS ?? 0) > LONG_TRANSACTION_S,
    what: ({ server }) =>
      `A transaction has been writing for ${Math.round(server.oldestWriterS ?? 0)} s.`,
    follows: () => "The first start waits until it ends, for the slot begins after it.",
    remedy: () => "Wait, or end it.",
  },
];

/** The slot, and how long the server keeps its log. */
export const SLOT_RULES: readonly FindingRule[] = [
  {
    severity: "warning",
    when: ({ server }) => server.slotKeepMb === -1,
    what: () => "max_slot_wal_keep_size is -1: slots keep the log without bound.",
    follows: ({ server }) =>
      `While the pipeline stands still the log grows${paceText(server)} until the server's disk is full.`,
    remedy: () =>
      "Set it to what the disk can spare; write slot.max-retained in the source, and watch millrace_slot_retained_bytes.",
  },
  {
    severity: "notice",
    when: ({ server }) => server.slotKeepMb !== -1,
    what: ({ server }) => `max_slot_wal_keep_size is ${server.slotKeepMb} MB.`,
    follows: ({ server }) =>
      `A pipeline that falls further behind loses its slot and has to load its tables again${lastsText(server)}.`,
    remedy: () => "Make it larger than the log of the longest outage that you expect.",
  },
  {
    severity: "warning",
    when: ({ server }) => server.slotIdleS > 0,
    what: ({ server }) => `idle_replication_slot_timeout is ${server.slotIdleS} s.`,
    follows: () =>
      "A pipeline that is stopped for longer loses its slot and has to load its tables again.",
    remedy: () => "ALTER SYSTEM SET idle_replication_slot_timeout = 0, or a longer time.",
  },
  {
    severity: "error",
    code: "MR_SOURCE_SLOT_FOREIGN",
    when: (observed) => foreign(observed) !== null,
    what: (observed) => `replication slot ${observed.options.slotName} ${foreign(observed)}.`,
    follows: () => "It cannot be read by this pipeline.",
    remedy: () => CATALOGUE.MR_SOURCE_SLOT_FOREIGN.remedy,
  },
  {
    severity: "error",
    code: "MR_SOURCE_SLOT_LOST",
    when: (observed) => foreign(observed) === null && lost(observed) !== null,
    what: (observed) => `replication slot ${observed.options.slotName} ${lost(observed)?.reason}.`,
    follows: () => "What came next is gone: the tables have to be loaded again.",
    remedy: (observed) => lossRemedy(lost(observed)),
  },
  {
    severity: "warning",
    code: "MR_SOURCE_SLOT_BUSY",
    when: ({ slot }) => slot?.active === true,
    what: ({ options, slot }) =>
      `Slot ${options.slotName} is being read by backend ${slot?.active_pid}.`,
    follows: () => "The pipeline waits until it is free.",
    remedy: () => "Stop the other reader, or choose another slot.name.",
  },
];

/** What is the matter is said in the same words by whoever meets it. */
function matter(
  of: (observed: Observed) => Matter,
): Pick<FindingRule, "what" | "follows" | "remedy"> {
  return {
    what: (observed) => of(observed).what,
    follows: (observed) => of(observed).follows,
    remedy: (observed) => of(observed).remedy,
  };
}

const GIB = 1024 ** 3;

/** An estimate from what the server has written so far. */
function paceText({ logBytesPerHour: pace }: Observed["server"]): string {
  return pace === null ? "" : ` by about ${Number((pace / GIB).toPrecision(2))} GiB an hour`;
}

function lastsText({ slotKeepMb, logBytesPerHour: pace }: Observed["server"]): string {
  if (pace === null || pace < 1) return "";
  const hours = (slotKeepMb * 1024 * 1024) / pace;
  return `; at the pace so far that takes about ${Number(hours.toPrecision(2))} hours of standing still`;
}

function foreign({ slot, server }: Observed): string | null {
  return slot === null ? null : foreignReason(slot, server.database);
}

function lost({ slot }: Observed): SlotLoss | null {
  return slot === null || isBeingMade(slot) ? null : slotLoss(slot);
}
