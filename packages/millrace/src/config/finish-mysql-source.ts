import { isIP } from "node:net";
import { finishRdsIam, tlsOfIam } from "./finish-rds-iam.ts";
import type { SourceParts } from "./finish-source.ts";
import { finishTls } from "./finish-tls.ts";
import type { MYSQL_SOURCE_OPTIONS, MysqlSourceSection } from "./options/mysql-source-options.ts";
import type { MysqlSourceConfig, MysqlStartupConfig } from "./pipeline-config.ts";
import { sayOf } from "./say.ts";
import type { Findings, Section } from "./section.ts";
import { checkSourceTables } from "./source-tables.ts";

type MysqlSection = Section<typeof MYSQL_SOURCE_OPTIONS>;

/** Fills in what follows from other options, and checks what only shows between them. */
export function finishMysqlSource(section: MysqlSection, parts: SourceParts): MysqlSourceConfig {
  const { values } = section;
  checkSourceTables(section, 2, parts.findings);
  checkStartup(section, parts.findings);
  const region = finishRdsIam(section, parts.findings);
  const tls = finishTls(section, "source", values.hostname, tlsOfIam(values), parts);
  // The driver would ask the certificate for `localhost`, and take one for that.
  if (tls.mode === "verify-full" && isIP(values.hostname) !== 0)
    parts.findings.problem(
      section.given.get("hostname") ?? section.place,
      "source.hostname",
      "is an IP address, which a certificate cannot be held against here (ssl-mode verify-full)",
      "Write the server's name, or ssl-mode: verify-ca",
    );
  if (values.backfillSkip)
    parts.findings.notice(
      section.given.get("scan.incremental.snapshot.backfill.skip") ?? section.place,
      "source.scan.incremental.snapshot.backfill.skip",
      "is true and changes nothing: changes of the load's time are always applied once, in their place",
    );
  const { sslMode: _mode, sslCa: _ca, sslCert: _cert, sslKey: _key, ...more } = values;
  const {
    startupFile: _file,
    startupPos: _pos,
    startupGtidSet: _set,
    startupTimestampMs: _ms,
    ...rest
  } = more;
  return {
    ...rest,
    kind: "mysql",
    database: null,
    region,
    startup: startupOf(values),
    tls,
  };
}

const FILE = "scan.startup.specific-offset.file";
const POS = "scan.startup.specific-offset.pos";
const GTID_SET = "scan.startup.specific-offset.gtid-set";
const TIMESTAMP = "scan.startup.timestamp-millis";

/** A mode has what it needs, and what belongs to another mode is not given in vain. */
function checkStartup(section: MysqlSection, findings: Findings): void {
  const { values, given, failed } = section;
  const say = sayOf(section, "source", findings);
  const mode = values.startupMode;
  for (const [name, wanted] of [
    [FILE, "specific-offset"],
    [POS, "specific-offset"],
    [GTID_SET, "specific-offset"],
    [TIMESTAMP, "timestamp"],
  ] as const)
    if (given.has(name) && mode !== wanted && !failed.has("scan.startup.mode"))
      say(
        name,
        `is given, but scan.startup.mode is ${mode}`,
        `Write scan.startup.mode: ${wanted}, or take it out`,
      );
  if (mode === "specific-offset" && !given.has(FILE) && !given.has(GTID_SET))
    say(
      "scan.startup.mode",
      "is specific-offset, but the offset is missing",
      `Write ${FILE} with ${POS}, or ${GTID_SET}`,
    );
  if (mode === "specific-offset" && given.has(POS) && given.has(GTID_SET))
    say(POS, `cannot stand together with ${GTID_SET}`, "Keep one of the two");
  if (mode === "timestamp" && !given.has(TIMESTAMP))
    say("scan.startup.mode", "is timestamp, but the moment is missing", `Write ${TIMESTAMP}`);
}

/** Where a file begins: behind its four magic bytes. */
const FIRST_POS = 4;

function startupOf(values: MysqlSourceSection): MysqlStartupConfig {
  const { startupMode: mode, startupFile: file, startupGtidSet: gtidSet } = values;
  switch (mode) {
    // Where the log begins; that such a run ends is its command's matter.
    case "snapshot":
      return { mode: "initial" };
    case "initial":
    case "earliest-offset":
    case "latest-offset":
      return { mode };
    case "timestamp":
      return { mode, timestampMs: values.startupTimestampMs ?? 0 };
    case "specific-offset":
      return gtidSet === null
        ? { mode, file: file ?? "", pos: values.startupPos ?? FIRST_POS }
        : { mode, gtidSet: gtidSet.replaceAll(/\s/g, "") };
  }
}
