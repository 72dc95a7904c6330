import { describe, expect, it } from "vitest";
import { sharedMysql } from "../../../../../test/support/mysql.ts";
import { openConnection } from "./connection.ts";
import { configOf } from "./told-events.fixture.ts";

const LOGINS = [
  { flavor: "mysql", plugin: "caching_sha2_password" },
  { flavor: "mariadb", plugin: "mysql_native_password" },
  { flavor: "mariadb", plugin: "ed25519" },
] as const;

describe.each(LOGINS)("a user of $flavor who is known by $plugin", ({ flavor, plugin }) => {
  it("logs in with the password, and with no other one", async () => {
    await using shared = await sharedMysql(flavor);
    const { user, password } = await shared.createUser({ plugin });
    const config = { ...configOf(shared), user };
    const session = await openConnection({ ...config, password });
    try {
      const [row] = await session.query("SELECT CURRENT_USER()");
      expect(row?.[0]).toBe(`${user}@%`);
    } finally {
      await session.close();
    }
    for (const wrong of [`${password} `, ""])
      await expect(openConnection({ ...config, password: wrong })).rejects.toMatchObject({
        code: "MR_SOURCE_REFUSED",
      });
  });
});
