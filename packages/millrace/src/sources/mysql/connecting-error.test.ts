import { describe, expect, it } from "vitest";
import { CONNECTION_DEFAULTS, type MysqlConnectionConfig } from "./config.ts";
import { connectingError } from "./connecting-error.ts";

const CONFIG: MysqlConnectionConfig = {
  ...CONNECTION_DEFAULTS,
  host: "db.internal",
  user: "mill",
  password: "SECRET",
};
const failed = (facts: Readonly<Record<string, string | number>>, message = "") =>
  Object.assign(new Error(message), facts);
const said = (error: Error, config: Partial<MysqlConnectionConfig> = {}) => {
  const { class: errorClass, detail, facts } = connectingError(error, { ...CONFIG, ...config });
  return `${errorClass} ${String(facts["option"])}: ${detail}`;
};

describe("a failure to connect to MySQL", () => {
  it.each([
    [failed({ code: "ENOTFOUND" }), "transient source.hostname: source.hostname: there is no host"],
    [
      failed({ code: "ECONNREFUSED", errno: -111 }),
      "transient source.port: source.port: nothing listens at db.internal:3306",
    ],
    [
      failed({ code: "ER_ACCESS_DENIED_ERROR", errno: 1045 }, "Access denied"),
      "config source.password: source.password: the server refuses user mill with this password",
    ],
    [
      failed({ errno: 3159 }, "--require_secure_transport=ON"),
      "config source.ssl-mode: source.ssl-mode: the server takes no connections without TLS",
    ],
    [
      failed({ code: "HANDSHAKE_NO_SSL_SUPPORT" }),
      "config source.ssl-mode: source.ssl-mode: the server speaks no TLS",
    ],
    [
      failed({ errno: 1130 }, "Host '10.0.0.1' is not allowed to connect"),
      "config source.username: source.username: the server lets nobody in from this machine",
    ],
    [
      failed({ errno: 1040 }, "Too many connections"),
      "transient source.hostname: source.hostname: all connections",
    ],
    [failed({ code: "SELF_SIGNED_CERT_IN_CHAIN" }), "config source.ssl-ca: source.ssl-ca: is not"],
    [failed({ errno: 1053 }, "Server shutdown in progress"), "transient undefined: connecting to"],
  ])("names the option that is at fault, and is retried where it may pass: %s", (error, words) => {
    expect(said(error)).toContain(words);
    expect(said(error)).not.toContain("SECRET");
  });

  it("tells a missing password and a refused token from a wrong password", () => {
    const denied = failed({ errno: 1045 });
    expect(said(denied, { password: "" })).toContain("wants a password for user mill");
    expect(said(denied, { password: () => Promise.resolve("SECRET") })).toMatch(
      /use-iam-auth: the server refuses user mill with an IAM token for db.internal/,
    );
  });
});
