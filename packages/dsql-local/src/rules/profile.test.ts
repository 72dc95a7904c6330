import { describe, expect, it } from "vitest";
import { Gate } from "../gate/gate.ts";
import { loadParser } from "../gate/parser.ts";
import { NEWEST, Profile, profileDays } from "./profile.ts";
import { rules } from "./table.ts";

await loadParser();

function told(day: string, sql: string): string {
  const [first] = new Gate(new Profile(day)).compile(sql);
  return first instanceof Error ? first.message : "ok";
}

/** What was refused before a day, and what it was told. */
const changes = [
  ["create table c (id int primary key, p int references p (id))", "FOREIGN KEY constraint not supported"],
  ["create table c (id int, foreign key (id) references p (id))", "FOREIGN KEY constraint not supported"],
  ["alter table c add constraint f foreign key (p) references p (id) not valid", "unsupported ALTER TABLE ADD CONSTRAINT statement"],
  ["create index async on c (p) where p > 1", "WHERE not supported for CREATE INDEX"],
  ["create statistics s on a, b from c", "unsupported statement: CreateStats"],
] as const; // prettier-ignore

describe("the profile of a day", () => {
  it.each(changes)("%s", (sql, before) => {
    expect(told("2026-08-24", sql)).toBe(before);
    expect(told(NEWEST, sql)).toBe("ok");
  });

  it("keeps what held on both days", () => {
    for (const day of profileDays) {
      expect(told(day, "truncate c")).toBe("unsupported statement: Truncate");
      expect(told(day, "create index async on c ((a + 1))")).toBe("ok");
      expect(told(day, "alter table c drop column p")).toBe("ok");
      expect(told(day, "select 1 from c for key share")).toBe("ok");
    }
  });

  it("has days that are days", () => {
    for (const rule of Object.values(rules)) {
      if ("until" in rule) expect(rule.until).toMatch(/^2026-\d\d-\d\d$/);
      if ("since" in rule) expect(rule.since).toMatch(/^2026-\d\d-\d\d$/);
    }
    expect(new Profile("2026-08-24").has("textCompression")).toBe(false);
    expect(new Profile().has("textCompression")).toBe(true);
  });
});
