import { expect, it } from "vitest";
import { parseServerVersion } from "./server-version.ts";

it.each([
  ["9.7.4-2", "mysql", 9, 7],
  ["8.0.36-28.1", "mysql", 8, 0],
  ["10.11.18-MariaDB-0+deb12u1-log", "mariadb", 10, 11],
  ["5.5.5-10.6.12-MariaDB", "mariadb", 10, 6],
  ["", "mysql", 0, 0],
])("reads %s as what it is", (text, flavor, major, minor) => {
  expect(parseServerVersion(text)).toEqual({ flavor, major, minor, text });
});
