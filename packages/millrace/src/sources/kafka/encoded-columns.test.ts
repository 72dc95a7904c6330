import { describe, expect, it } from "vitest";
import { MessageReader } from "../../formats/message-reader.ts";
import { EncodedColumns } from "./encoded-columns.ts";

function cautionsOf(rows: readonly object[]): readonly string[] {
  const table = { schema: "public", table: "orders" };
  const reader = new MessageReader({ format: "plain-json", table, unavailable: "x" });
  const encoded = new EncodedColumns();
  for (const row of rows) {
    const read = reader.read(null, Buffer.from(JSON.stringify(row)));
    if (read.kind === "change" && read.after !== null) encoded.see(read.shape, read.after);
  }
  return encoded.cautions().map(({ what }) => what);
}

describe("texts of messages without schema", () => {
  it("that are all base64, one of them padded, are told as what Debezium makes of decimals and bytes", () => {
    const rows = [
      { id: 1, price: "AfQ=", photo: "AQ==", note: "AfQ= to pay" },
      { id: 2, price: "D0JA", photo: null, note: "AfQ=" },
    ];
    expect(cautionsOf(rows)).toEqual([
      "Messages of public.orders have no schema, and price, photo are base64 in them, as Debezium writes decimals and bytes.",
    ]);
  });

  it("that only could be base64 are not", () => {
    const rows = [
      { id: 1, code: "ABCD", mixed: "AQ==", short: "A=", other: "AQ=A" },
      { id: 2, code: "EFGH", mixed: "plain text", short: "B=", other: "AR==" },
    ];
    expect(cautionsOf(rows)).toEqual([]);
  });
});
