/**
 * Reads a log in a process of its own, and says what that took:
 *
 *     node --conditions=source log-memory.fixture.ts '{"server": …, "from": …}'
 */
import type { MysqlDatabase } from "../../../../../test/support/mysql.ts";
import { openMysqlLog } from "./log.ts";
import { itemsShape, logOptions } from "./logged-items.fixture.ts";
import { comparePositions, type LogPosition, logPosition } from "./position.ts";

interface Asked {
  readonly server: MysqlDatabase;
  readonly from: LogPosition;
  readonly end: LogPosition;
}

const { server, from, end } = JSON.parse(process.argv[2] ?? "{}") as Asked;
const log = await openMysqlLog(logOptions(server, itemsShape(server)), logPosition(from));
let rows = 0;
let sum = 0;
for (let at = logPosition(from); comparePositions(at, logPosition(end)) < 0;) {
  const { items, position } = await log.next();
  at = logPosition(position);
  for (const item of items)
    if (item.kind === "change") {
      rows += 1;
      sum += Number(item.after?.[0]);
    }
}
await log.close();
const { maxRSS } = process.resourceUsage();
process.stdout.write(JSON.stringify({ rows, sum, peakMib: Math.round(maxRSS / 1024) }));
