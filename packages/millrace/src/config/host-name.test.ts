import { describe, expect, it } from "vitest";
import { GOOD_FILE, problemsOf, surroundings } from "./pipeline-file.fixture.ts";

describe("the name of a host", () => {
  it.each([
    ["a URL", "hostname: db.internal", "hostname: postgres://user:geheim@db.internal/shop"],
    ["a login", "hostname: db.internal", "hostname: user:geheim@db.internal"],
    ["a URL from outside", "hostname: db.internal", "hostname: ${env:DATABASE_URL}"],
    [
      "a JDBC URL",
      "host: abc123.dsql.eu-west-1.on.aws",
      "host: jdbc:postgresql://h/d?password=geheim",
    ],
    [
      "a URL for a database",
      "host: abc123.dsql.eu-west-1.on.aws",
      "host: h\n  password: x\n  database: postgres://geheim@h/d",
    ],
  ])("never shows %s, and says which options it comes apart into", (_name, line, replacement) => {
    const env = { PGPASSWORD: "x", DATABASE_URL: "postgresql://u:geheim@h/d" };
    const problems = problemsOf(GOOD_FILE.replace(line, replacement), surroundings(env));
    expect(problems).toEqual([
      expect.stringMatching(
        /: the value is a URL or holds a login\. Write each of its parts as an option of its own: .*password.*\.$/,
      ),
    ]);
    expect(problems.join("\n")).not.toContain("geheim");
  });

  it.each([
    ["db.internal:5432", '"db.internal:5432" holds a port. Write the port as port: 5432'],
    ["'[::1]'", '"[::1]" is in brackets. Write the address alone'],
    ["db internal", '"db internal" is not a host name. Write a name or an address alone'],
  ])("takes no %s for a host name", (host, problem) => {
    expect(problemsOf(GOOD_FILE.replace("db.internal", host))).toEqual([
      expect.stringContaining(problem),
    ]);
  });

  it.each(["::1", "10.0.0.7", "/var/run/postgresql", "db", "db.internal."])(
    "takes %s for a host name",
    (host) => {
      expect(problemsOf(GOOD_FILE.replace("db.internal", host))).toEqual([]);
    },
  );
});
