import { expect, it } from "vitest";
import { makeTable, start } from "../testing/clients.ts";

it("a table that is there is refused with its name", async () => {
  await using started = await start();
  await makeTable(started.dynamodb, "orders");
  await expect(makeTable(started.dynamodb, "orders")).rejects.toMatchObject({
    name: "ResourceInUseException",
    message: "Table already exists: orders",
  });
});
