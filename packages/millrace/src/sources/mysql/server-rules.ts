import { isIP } from "node:net";
import { isLoopback } from "../../model/loopback.ts";
import type { FindingRule, Observed } from "./finding-rule.ts";
import { formatMatter, type Matter, noLogMatter, rowImageMatter, setSetting } from "./managed.ts";
import { grantee } from "./reading-rights.ts";
import { hasPrivilege } from "./server-facts.ts";

/** Oldest and newest of what is known to work; later ones are not refused. */
const VERSIONS = {
  mysql: { name: "MySQL", oldest: [8, 0], newest: [9, 7] },
  mariadb: { name: "MariaDB", oldest: [10, 6], newest: [12, 3] },
} as const;
/** Commit times of the server are what lag is told by. */
const CLOCK_TOLERANCE_S = 60;
const DAY_S = 86_400;
/** A careful guess of what a load reads in a second, for how long one may take. */
const LOAD_BYTES_PER_S = 10 * 1024 * 1024;

/** Version, encryption, clock, and whether the log can be read at all. */
export const SERVER_RULES: readonly FindingRule[] = [
  {
    severity: "error",
    when: (observed) => compared(observed, "oldest") < 0,
    what: ({ server }) => `The server is ${nameOf(server)}.`,
    follows: () => "Its log cannot be read as this source does.",
    remedy: ({ server }) =>
      `Upgrade it to ${VERSIONS[server.version.flavor].oldest.join(".")} or later.`,
  },
  {
    severity: "warning",
    when: (observed) => compared(observed, "newest") > 0,
    what: ({ server }) => `The server is ${nameOf(server)}.`,
    follows: () => "This version was not tested.",
    remedy: () => "Try it with a copy first.",
  },
  {
    severity: "warning",
    when: ({ server, options }) => !server.encrypted && !isLoopback(options.hostname),
    what: () => "The connection is not encrypted.",
    follows: () => "Rows travel as plain text.",
    remedy: ({ options }) =>
      isIP(options.hostname) === 0
        ? "Set ssl-mode to verify-full, or keep the way private."
        : "Set ssl-mode to verify-ca (verify-full needs the server's name as hostname), or keep the way private.",
  },
  {
    severity: "warning",
    when: ({ server }) => Math.abs(server.clockAheadSeconds) > CLOCK_TOLERANCE_S,
    what: ({ server }) =>
      `The server's clock is ${Math.round(Math.abs(server.clockAheadSeconds))} s ${server.clockAheadSeconds > 0 ? "ahead of" : "behind"} this machine's.`,
    follows: () => "Lag is told by commit times of the server, and is wrong by that much.",
    remedy: () => "Keep both clocks by NTP.",
  },
  {
    severity: "error",
    when: ({ server }) => !server.logs,
    ...matter(({ server }) => noLogMatter(server.provider)),
  },
  {
    severity: "error",
    when: ({ server }) => server.logs && server.format !== "ROW",
    ...matter(({ server }) => formatMatter(server.format, server.provider)),
  },
  {
    severity: "error",
    when: ({ server }) => server.logs && server.hidesReplicated,
    what: () => "The server is a replica, and log_replica_updates is OFF.",
    follows: () => "What it applies of another server's log is not in its own.",
    remedy: () =>
      "Set log_replica_updates = ON and restart it, or connect to the server that it follows.",
  },
];

/** What the log holds, for how long, and who may read it. */
export const LOG_RULES: readonly FindingRule[] = [
  {
    severity: "error",
    code: "MR_SOURCE_REFUSED",
    option: "source.scan.startup.mode",
    when: ({ noPlace }) => noPlace !== null,
    what: ({ noPlace }) => `scan.startup.mode is specific-offset, but ${noPlace?.what ?? ""}.`,
    follows: () => "The pipeline would not start.",
    remedy: ({ noPlace }) => noPlace?.remedy ?? "",
  },
  {
    severity: "error",
    when: (observed) => leftOut(observed).length > 0,
    what: (observed) =>
      `The server does not log changes of ${leftOut(observed).join(", ")} (binlog_do_db, binlog_ignore_db).`,
    follows: () => "They would be missing at the sink, and nobody would know.",
    remedy: () =>
      "Take the filter away and restart the server, or leave these databases out of tables.",
  },
  {
    severity: "error",
    when: (observed) => hasLessThanFull(observed) && keyless(observed).length > 0,
    ...matter((observed) =>
      rowImageMatter(observed.server.rowImage, keyless(observed), observed.server.provider),
    ),
  },
  {
    severity: "warning",
    when: (observed) => hasLessThanFull(observed) && keyless(observed).length === 0,
    what: ({ server }) => `binlog_row_image is ${server.rowImage}.`,
    follows: ({ server }) =>
      server.version.flavor === "mariadb"
        ? "What the log leaves out may have changed all the same, so that most updates are read again at the source."
        : "Rows that the log does not hold as a whole are read again at the source where the sink cannot do without.",
    remedy: ({ server }) => `${setSetting("binlog_row_image", "FULL", server.provider)}.`,
  },
  {
    severity: "notice",
    when: ({ server }) => server.logs && server.rowMetadata !== "" && server.rowMetadata !== "FULL",
    what: ({ server }) => `binlog_row_metadata is ${server.rowMetadata}.`,
    follows: () =>
      "Names of columns, labels and signs are not in the log: they are taken from the shape that the pipeline keeps, and a table whose rows do not fit it is loaded again.",
    remedy: ({ server }) => `${setSetting("binlog_row_metadata", "FULL", server.provider)}.`,
  },
  {
    severity: "notice",
    when: ({ server }) => server.logs && server.partialJson,
    what: () => "binlog_row_value_options is PARTIAL_JSON.",
    follows: () =>
      "Differences of a document whose older text is not in the log are read again at the source.",
    remedy: () => "SET GLOBAL binlog_row_value_options = '' where JSON is updated often.",
  },
  {
    severity: "error",
    when: ({ server }) => server.logs && server.rdsKeptHours === 0,
    what: () => "RDS is not told to keep the binary log ('binlog retention hours' is not set).",
    follows: () =>
      "It deletes files as soon as it can do without, also those that are still to be read.",
    remedy: () => "CALL mysql.rds_set_configuration('binlog retention hours', 72);",
  },
  {
    severity: "error",
    when: ({ server }) => server.logs && server.provider === "azure" && server.keptSeconds === null,
    what: () => "binlog_expire_logs_seconds is 0.",
    follows: () => "Azure deletes files of the log as soon as nobody has them open.",
    remedy: () => "Set the server parameter binlog_expire_logs_seconds = 259200.",
  },
  {
    severity: "warning",
    when: (observed) => (keptOf(observed) ?? DAY_S) < DAY_S,
    what: (observed) => `The server keeps its binary log for ${lengthOf(keptOf(observed) ?? 0)}.`,
    follows: () =>
      "A pipeline that stands still for longer, or falls that far behind, has to load its tables again.",
    remedy: ({ server }) => keepLonger(server),
  },
  {
    severity: "warning",
    when: (observed) =>
      observed.known === null && loadSeconds(observed) > (keptOf(observed) ?? Infinity) / 2,
    what: (observed) =>
      `The tables hold about ${Number((observed.tableBytes / GIB).toPrecision(2))} GiB, and the server keeps its binary log for ${lengthOf(keptOf(observed) ?? 0)}.`,
    follows: (observed) =>
      `At 10 MiB a second the load takes ${lengthOf(loadSeconds(observed))}; where the pipeline stands still for long meanwhile, it begins again.`,
    remedy: ({ server }) => keepLonger(server),
  },
  {
    severity: "notice",
    when: (observed) => (keptOf(observed) ?? 0) >= DAY_S,
    what: (observed) => `The server keeps its binary log for ${lengthOf(keptOf(observed) ?? 0)}.`,
    follows: () =>
      "A pipeline that stands still for longer, or falls that far behind, has to load its tables again.",
    remedy: () => "Make it longer than the longest outage that you expect.",
  },
  {
    severity: "notice",
    when: (observed) =>
      observed.server.logs &&
      observed.server.provider === null &&
      observed.server.keptSeconds === null,
    what: () => "The server never deletes its binary log by itself.",
    follows: () => "It grows until somebody deletes files, perhaps such as are still to be read.",
    remedy: () =>
      "SET GLOBAL binlog_expire_logs_seconds = 604800, or more than the longest outage that you expect.",
  },
  {
    severity: "notice",
    when: ({ server }) => server.logs && !server.hasGtids,
    what: () => "gtid_mode is not ON.",
    follows: () =>
      "The pipeline cannot go on at another server: a failover is a loss. On a server that always commits, chunks of the load wait for a new file of the log.",
    remedy: () =>
      "Turn GTIDs on (enforce_gtid_consistency, then gtid_mode step by step to ON) where either matters.",
  },
  {
    severity: "warning",
    when: ({ server }) => server.logs && !server.hasGtids && !hasPrivilege(server, "RELOAD"),
    what: ({ server }) => `User ${server.user} has no RELOAD, and gtid_mode is not ON.`,
    follows: () =>
      "On a server that always commits, the load may never find the moment in which it can be placed in the log.",
    remedy: ({ server }) => `GRANT RELOAD ON *.* TO ${grantee(server.user)}; or turn GTIDs on.`,
  },
];

type Server = Observed["server"];

function matter(
  of: (observed: Observed) => Matter,
): Pick<FindingRule, "what" | "follows" | "remedy"> {
  return {
    what: (observed) => of(observed).what,
    follows: (observed) => of(observed).follows,
    remedy: (observed) => of(observed).remedy,
  };
}

function nameOf({ version: { flavor, text } }: Server): string {
  return `${VERSIONS[flavor].name} ${text}`;
}

function compared({ server }: Observed, which: "oldest" | "newest"): number {
  const { flavor, major, minor } = server.version;
  const [otherMajor, otherMinor] = VERSIONS[flavor][which];
  return major === otherMajor ? minor - otherMinor : major - otherMajor;
}

function hasLessThanFull({ server }: Observed): boolean {
  return server.logs && server.rowImage !== "" && server.rowImage !== "FULL";
}

function keyless({ discovery }: Observed): string[] {
  return discovery.tables
    .filter(({ shape }) => shape.key.length === 0)
    .map(({ shape }) => shape.id);
}

/** Databases of captured tables that the log leaves out. */
function leftOut({
  discovery,
  server: { loggedDatabases, unloggedDatabases },
}: Observed): string[] {
  const databases = new Set(discovery.tables.map(({ shape }) => shape.schema));
  return [...databases].filter(
    (name) =>
      unloggedDatabases.includes(name) ||
      (loggedDatabases.length > 0 && !loggedDatabases.includes(name)),
  );
}

/** RDS has a setting of its own, which counts beside the server's. */
function keptOf({ server }: Observed): number | null {
  if (!server.logs) return null;
  const { rdsKeptHours, keptSeconds } = server;
  return rdsKeptHours !== null && rdsKeptHours > 0 ? rdsKeptHours * 3600 : keptSeconds;
}

const GIB = 1024 ** 3;

function loadSeconds({ tableBytes }: Observed): number {
  return tableBytes / LOAD_BYTES_PER_S;
}

function lengthOf(seconds: number): string {
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 2 * DAY_S
    ? `${Number((seconds / 3600).toPrecision(2))} hours`
    : `${Number((seconds / DAY_S).toPrecision(2))} days`;
}

function keepLonger({ provider }: Server): string {
  return provider === "rds"
    ? "CALL mysql.rds_set_configuration('binlog retention hours', 72);"
    : `${setSetting("binlog_expire_logs_seconds", "259200", provider)}.`;
}
