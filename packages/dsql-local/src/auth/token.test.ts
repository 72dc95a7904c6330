import { describe, expect, it } from "vitest";
import { refuseToken, type TokenCheck } from "./token.ts";

// Made by @aws-sdk/dsql-signer 3.1142.0 with its clock at 2026-11-21T12:00:00Z and AWS's example key.
const HOST = "abcdefghijklmnopqrstuvwxyz.dsql.eu-west-1.on.aws";
const COMMON =
  "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20261121%2Feu-west-1%2Fdsql%2Faws4_request&X-Amz-Date=20261121T120000Z&X-Amz-Expires=900";
const ADMIN = `${HOST}/?Action=DbConnectAdmin&${COMMON}&X-Amz-Signature=4f8e22a1131088a7e8833adbe1309ffb4669a52a2a5d8ba377475684d63df81f&X-Amz-SignedHeaders=host`;
const CUSTOM = `${HOST}/?Action=DbConnect&${COMMON}&X-Amz-Signature=704e77c16c44d3e3cc2e7bcd8034f9b68e4e15c943c61547be07c44fefa9f4d3&X-Amz-SignedHeaders=host`;
const WITH_SESSION = `${HOST}/?Action=DbConnectAdmin&${COMMON}&X-Amz-Security-Token=FwoGZXIvYXdzEBYaD%2F%2Bsession%3Dtoken&X-Amz-Signature=7b631421489dfe61cd06fdba26d1e19d7f970b23572144773a1ea889f6d89e3a&X-Amz-SignedHeaders=host`;

const KEY = {
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
};
const MADE_MS = Date.UTC(2026, 10, 21, 12, 0, 0);

function refuse(token: string, changes: Partial<TokenCheck> = {}): string | undefined {
  return refuseToken(token, { user: "admin", hosts: [HOST], nowMs: MADE_MS, key: KEY, ...changes });
}

describe("a token", () => {
  it("of AWS's own signer is good", () => {
    expect(refuse(ADMIN)).toBeUndefined();
    expect(refuse(WITH_SESSION)).toBeUndefined();
    expect(refuse(CUSTOM, { user: "app" })).toBeUndefined();
  });

  it("has to be for this host", () => {
    expect(refuse(ADMIN, { hosts: ["localhost"] })).toMatch(/another host/);
    expect(refuse(ADMIN, { hosts: ["localhost", HOST.toUpperCase()] })).toBeUndefined();
  });

  it("has to carry the action of its user", () => {
    expect(refuse(CUSTOM)).toBe("Wrong user to action mapping. user: admin, action: DbConnect");
    expect(refuse(ADMIN, { user: "app" })).toBe(
      "Wrong user to action mapping. user: app, action: DbConnectAdmin",
    );
  });

  it("lives from its date for as long as it says", () => {
    expect(refuse(ADMIN, { nowMs: MADE_MS + 900_000 })).toBeUndefined();
    expect(refuse(ADMIN, { nowMs: MADE_MS + 901_000 })).toBe(
      "Signature expired: 20261121T121500Z is now earlier than 20261121T121501Z",
    );
    expect(refuse(ADMIN, { nowMs: MADE_MS - 299_000 })).toBeUndefined();
    expect(refuse(ADMIN, { nowMs: MADE_MS - 301_000 })).toMatch(/^Signature not yet current/);
  });

  it("lives at most a week", () => {
    const long = ADMIN.replace("Expires=900", "Expires=604801");
    expect(refuse(long)).toBe("X-Amz-Expires must be less than a week (in seconds)");
  });

  it("has to be signed with the known key", () => {
    const { accessKeyId, secretAccessKey } = KEY;
    const mismatch = /^The request signature we calculated does not match/;
    expect(refuse(ADMIN, { key: { accessKeyId, secretAccessKey: "x" } })).toMatch(mismatch);
    expect(refuse(ADMIN, { key: { accessKeyId: "AKIAX", secretAccessKey } })).toMatch(/invalid/);
    expect(refuse(ADMIN.replace("4f8e22a1", "4f8e22a2"))).toMatch(mismatch);
    expect(refuse(ADMIN.replace("eu-west-1%2Fdsql", "eu-west-2%2Fdsql"))).toMatch(mismatch);
    expect(refuse(ADMIN.replace("4f8e22a1", "4f8e22a2"), { key: undefined })).toBeUndefined();
  });

  it.each([
    "",
    "secret",
    "/?Action=x",
    `${HOST}/?Action`,
    `${ADMIN}&Action=again`,
    `${HOST}/?a=%`,
    "\0",
  ])("that is none is refused: %j", (token) => {
    expect(refuse(token)).toBe("The token is malformed");
  });

  it("is for DSQL and no other service", () => {
    expect(refuse(ADMIN.replace("%2Fdsql%2F", "%2Frds-db%2F"))).toMatch(/service dsql/);
  });
});
