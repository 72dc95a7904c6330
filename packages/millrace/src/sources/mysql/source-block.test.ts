import { describe, expect, it } from "vitest";
import type { Origin } from "../../model/source-block.ts";
import { MysqlSourceBlock, type BlockServer } from "./source-block.ts";

const names = { serverName: "shop", version: "1" };
const loaded: Origin = {
  schema: "shop",
  table: "orders",
  op: "r",
  position: null,
  transaction: null,
  nowMs: 7,
};

function told(block: MysqlSourceBlock, origin: Origin): Record<string, unknown> {
  return Object.fromEntries(block.fields.map(({ name }, i) => [name, block.value(i, origin)]));
}

describe("MysqlSourceBlock", () => {
  it("asks what the server is when messages are made, which is after it was reached", () => {
    let server: BlockServer = { connector: "mysql", logName: null, serverId: 0 };
    const block = new MysqlSourceBlock(names, () => server);
    server = { connector: "mariadb", logName: "maria-bin", serverId: 9 };
    const position = [{ file: 12, at: 4, era: 1, n: 1, hash: 0, gtid: "0-1-7" }, 2, 11] as const;
    const transaction = { id: "0-1-7@12:4", commitTimeMs: 5.25 };
    expect(told(block, { ...loaded, op: "u", position, transaction })).toMatchObject({
      connector: "mariadb",
      ts_ms: 5,
      ts_us: 5_250,
      ts_ns: "5250000",
      snapshot: "false",
      db: "shop",
      server_id: 9,
      gtid: "0-1-7",
      file: "maria-bin.000012",
      pos: 4,
      row: 2,
    });
    expect(block.schemaName).toBe("io.debezium.connector.mariadb.Source");
  });

  it("has no place for a row that was loaded", () => {
    const block = new MysqlSourceBlock(names, () => ({
      connector: "mysql",
      logName: "binlog",
      serverId: 1,
    }));
    const place = { snapshot: "incremental", gtid: null, file: "", pos: 0, row: 0, ts_ms: 7 };
    expect(told(block, loaded)).toMatchObject(place);
  });

  it.each([
    ["3e11fa47-71ca-11e1-9e33-c80aa9429562:7", "3e11fa47-71ca-11e1-9e33-c80aa9429562:7"],
    ["0-1-7@3:1547", "0-1-7"],
    ["0-1-7@3:1547!X'78',X'',1", "0-1-7"],
    ["3:1547", "file=binlog.000003,pos=1547"],
  ])("calls the transaction %s %s, as Debezium does", (id, wanted) => {
    const server = { connector: "mysql", logName: "binlog", serverId: 1 } as const;
    const block = new MysqlSourceBlock(names, () => server);
    expect(block.transactionId({ id, commitTimeMs: 5 })).toBe(wanted);
  });
});
