import { expect, it } from "vitest";
import { groupStatement } from "./group-statement.ts";

it.each([
  ["BEGIN", "begin"],
  ["COMMIT", "commit"],
  ["COMMIT /* implicit, from Xid_log_event */", "commit"],
  ["ROLLBACK", "rollback"],
  ["ROLLBACK TO `a`", "rollback-to"],
  ["SAVEPOINT `a`", "savepoint"],
  ["XA END X'78',X'',1", "nothing"],
  ["INSERT INTO t VALUES (1)", "other"],
  ["CREATE TABLE updates (id INT)", "other"],
  ["/*!80000 CREATE TABLE t (id INT) */", "other"],
  ["TRUNCATE t", "other"],
])("%s is %s", (sql, kind) => {
  expect(groupStatement(sql)).toMatchObject({ kind });
});

it.each([
  ["XA START X'78',X'',1", "xa-start"],
  ["XA COMMIT X'78',X'',1", "xa-commit"],
  ["XA ROLLBACK X'78',X'',1", "xa-rollback"],
])("%s names its transaction", (sql, kind) => {
  expect(groupStatement(sql)).toEqual({ kind, xid: "X'78',X'',1" });
});
