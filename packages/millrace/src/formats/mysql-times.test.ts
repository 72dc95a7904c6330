import { describe, expect, it } from "vitest";
import { MysqlSourceBlock } from "../sources/mysql/source-block.ts";
import { PostgresSourceBlock } from "../sources/postgres/source-block.ts";
import { createFormat } from "./create-format.ts";
import { column, event, table } from "./event.fixture.ts";
import { DEFAULT_FORMAT } from "./format.ts";
import { MessageList } from "./messages.fixture.ts";

const NAMES = { serverName: "shop", version: "1" };
const server = (connector: "mysql" | "mariadb") => () => ({ connector, logName: "l", serverId: 1 });

describe("time.precision.mode: adaptive", () => {
  it.each([
    [new MysqlSourceBlock(NAMES, server("mysql")), 45_296_000_000],
    [new MysqlSourceBlock(NAMES, server("mariadb")), 45_296_000_000],
    [new PostgresSourceBlock(NAMES, "shop"), 45_296_000],
  ])(
    "is what $0.connector's own connector makes of a time of whole seconds",
    async (block, told) => {
      const target = table("shop", "t", [
        column("id", { kind: "int", bits: 32 }, { nullable: false }),
        column("at", { kind: "time", precision: 0 }),
      ]);
      const format = createFormat(DEFAULT_FORMAT, { names: NAMES, block });
      const encoder = await format.encoder(target, "t");
      const output = new MessageList();
      encoder.change(event(target, { op: "r", after: ["1", "12:34:56"] }), 1, output);
      expect(JSON.parse(output.messages[0]?.value ?? "null")).toMatchObject({
        after: { at: told },
      });
    },
  );
});
