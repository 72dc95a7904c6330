import { describe, expect, it } from "vitest";
import { MariaDbPosition, parseMariaDbGtid } from "./mariadb-gtid.ts";

describe("a position of MariaDB", () => {
  it("reads and writes the server's text, domains in order", () => {
    expect(MariaDbPosition.parse("2-7-1, 0-7-42").toString()).toBe("0-7-42,2-7-1");
    expect(MariaDbPosition.parse("").toString()).toBe("");
  });

  it("takes the greatest of a domain that is named for several servers", () => {
    expect(MariaDbPosition.parse("0-1-9,0-2-12,0-3-4").toString()).toBe("0-2-12");
  });

  it("has what comes at or before it in the domain, whichever server wrote it", () => {
    const position = MariaDbPosition.parse("0-7-42");
    expect(position.has(parseMariaDbGtid("0-9-42"))).toBe(true);
    expect(position.has(parseMariaDbGtid("0-7-43"))).toBe(false);
    expect(position.has(parseMariaDbGtid("1-7-1"))).toBe(false);
  });

  it("contains a position that is behind in every domain, and no other", () => {
    const position = MariaDbPosition.parse("0-7-42,1-7-3");
    expect(position.contains(MariaDbPosition.parse("0-7-41"))).toBe(true);
    expect(position.contains(MariaDbPosition.parse("0-7-42,1-8-3"))).toBe(true);
    expect(position.contains(MariaDbPosition.parse("0-7-1,2-7-1"))).toBe(false);
  });

  it("goes on where a group was read", () => {
    const position = MariaDbPosition.parse("0-7-42").with(parseMariaDbGtid("1-7-1"));
    expect(position.toString()).toBe("0-7-42,1-7-1");
  });

  it.each(["0-7", "a-b-c", "0-7-", "0-7-99999999999999999999"])("refuses %s", (text) => {
    expect(() => parseMariaDbGtid(text)).toThrow("cannot be read");
  });
});
