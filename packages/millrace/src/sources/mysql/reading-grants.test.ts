import { expect, it } from "vitest";
import { readingGrants, readsAll } from "./reading-grants.ts";

it("tells from SHOW GRANTS of which databases all tables are shown", () => {
  const may = (lines: readonly string[]) => (name: string) => readsAll(readingGrants(lines), name);
  const least = may([
    "GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO `poor`@`%`",
    "GRANT SELECT ON `shop`.* TO `poor`@`%`",
    "GRANT SELECT ON `shop\\_old`.* TO `poor`@`%`",
    "GRANT INSERT, SELECT, UPDATE ON `a``b%`.* TO `poor`@`%`",
    "GRANT SELECT ON `one`.`t` TO `poor`@`%`",
    "GRANT SELECT (`a`), INSERT ON `two`.`t` TO `poor`@`%`",
    "GRANT INSERT ON `three`.* TO `poor`@`%`",
  ]);
  const names = ["shop", "shop_old", "shopXold", "a`b", "a`bc", "one", "two", "three", "mysql"];
  expect(names.filter(least)).toEqual(["shop", "shop_old", "a`b", "a`bc"]);
  const all = ["GRANT SELECT, RELOAD ON *.* TO `rich`@`%`"];
  expect(names.filter(may(all))).toEqual(names);
  const revoked = [...all, "REVOKE SELECT ON `mysql`.* FROM `rich`@`%`"];
  expect(names.filter(may(revoked))).toEqual(names.slice(0, -1));
  expect(may(["GRANT ALL PRIVILEGES ON `shop`.* TO `a`@`b` WITH GRANT OPTION"])("shop")).toBe(true);
});
