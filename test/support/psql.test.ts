import { expect, it } from "vitest";
import { psqlCommand } from "./psql.ts";

it("is the user's psql where MILLRACE_TEST_PSQL names one, and nothing is fetched", async () => {
  expect(await psqlCommand({ MILLRACE_TEST_PSQL: "/opt/psql" })).toEqual(["/opt/psql"]);
});
