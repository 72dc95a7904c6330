import { expect, it } from "vitest";
import { makeTable } from "../../../../dynamodb-local/src/testing/clients.ts";
import { silentLogger, systemClock } from "../../model/ports.ts";
import { tableId, type TableId } from "../../model/table.ts";
import { MESSAGE_COLUMNS } from "./columns-options.ts";
import { startLocalApi } from "./local-api.fixture.ts";
import { HOUR_MS, OPTIONS, TABLE } from "./source.fixture.ts";
import { SCHEMA } from "./table-shape.ts";
import { validateDynamodb } from "./validate.ts";

const CONTEXT = { pipeline: "test", clock: systemClock, random: Math.random, log: silentLogger };
const DISCOVERY = {
  choice: { by: "whitelist", tables: [TABLE] },
  periodMs: 60_000,
  graceMs: 120_000,
  bothImages: false,
} as const;

it("tells a table's first start at a time that its stream keeps no longer for certain", async () => {
  await using local = await startLocalApi();
  await makeTable(local.dynamodb, TABLE);
  const findings = (hoursAgo: number, known: ReadonlySet<TableId> | null) => {
    const timestampMs = Date.now() - hoursAgo * HOUR_MS;
    return validateDynamodb(
      {
        ...OPTIONS,
        connection: local.connection,
        discovery: DISCOVERY,
        startup: { mode: "timestamp", timestampMs },
        columns: MESSAGE_COLUMNS,
      },
      CONTEXT,
      { rows: "messages", known },
    );
  };
  expect(await findings(30, null)).toEqual([
    expect.objectContaining({
      severity: "notice",
      what: expect.stringMatching(
        /^Streams keep records for 24 hours, and .*Z is at the edge of that or longer ago\.$/,
      ),
      option: "source.scan.startup.timestamp-millis",
    }),
  ]);
  expect(await findings(22, null)).toEqual([]);
  expect(await findings(30, new Set([tableId(SCHEMA, TABLE)]))).toEqual([]);
});
