import { createHash, createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { regionOfRds } from "./config/rds-host.ts";
import { systemClock } from "./model/ports.ts";
import { rdsPassword } from "./rds-token.ts";

const NOW_MS = Date.UTC(2026, 10, 21, 18, 0, 0);
const SERVER = { hostname: "shop.abc123.eu-west-1.rds.amazonaws.com", port: 5433 };
const KEYS = {
  accessKeyId: "AKIDEXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
};

/** Signature Version 4 by its description, for a presigned GET with an empty body. */
function signatureOf(token: string, secret: string): string {
  const { searchParams, host } = new URL(`https://${token}`);
  const encode = (text: string) =>
    encodeURIComponent(text).replaceAll(
      /[!'()*]/g,
      (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
    );
  const query = [...searchParams]
    .filter(([name]) => name !== "X-Amz-Signature")
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .toSorted()
    .join("&");
  const sha = (text: string) => createHash("sha256").update(text).digest("hex");
  const canonical = ["GET", "/", query, `host:${host}`, "", "host", sha("")].join("\n");
  const scope = "20261121/eu-west-1/rds-db/aws4_request";
  const signed = ["AWS4-HMAC-SHA256", "20261121T180000Z", scope, sha(canonical)].join("\n");
  const key = scope
    .split("/")
    .reduce<string | Buffer>(
      (last, part) => createHmac("sha256", last).update(part).digest(),
      `AWS4${secret}`,
    );
  return createHmac("sha256", key).update(signed).digest("hex");
}

describe("an IAM token of RDS", () => {
  it("is a request of a quarter of an hour, signed for this role at this server and port", async () => {
    const password = rdsPassword({
      region: "eu-west-1",
      username: "read er'",
      clock: { ...systemClock, now: () => NOW_MS },
      credentials: () => Promise.resolve({ ...KEYS, sessionToken: "a/session+token==" }),
    });
    const token = await password(SERVER);
    const { host, pathname, searchParams } = new URL(`https://${token}`);
    expect([host, pathname]).toEqual([`${SERVER.hostname}:5433`, "/"]);
    const { "X-Amz-Signature": signature, ...said } = Object.fromEntries(searchParams);
    expect(said).toEqual({
      Action: "connect",
      DBUser: "read er'",
      "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
      "X-Amz-Credential": "AKIDEXAMPLE/20261121/eu-west-1/rds-db/aws4_request",
      "X-Amz-Date": "20261121T180000Z",
      "X-Amz-Expires": "900",
      "X-Amz-Security-Token": "a/session+token==",
      "X-Amz-SignedHeaders": "host",
    });
    expect(signature).toBe(signatureOf(token, KEYS.secretAccessKey));
    expect(await password({ ...SERVER, port: 5432 })).toContain(":5432/?");
  });

  it("is signed with credentials that are fetched anew before they expire, and with the same until then", async () => {
    let nowMs = NOW_MS;
    let fetched = 0;
    const password = rdsPassword({
      region: "eu-west-1",
      username: "reader",
      clock: { ...systemClock, now: () => nowMs },
      credentials: () => {
        fetched += 1;
        return Promise.resolve({
          ...KEYS,
          accessKeyId: `AK${fetched}`,
          expiration: new Date(nowMs + 3_600_000),
        });
      },
    });
    const tokens = [await password(SERVER)];
    nowMs += 60_000;
    tokens.push(await password(SERVER));
    expect(new Set(tokens).size).toBe(2);
    expect(fetched).toBe(1);
    nowMs += 3_500_000;
    expect(await password(SERVER)).toContain("AK2%2F");
  });

  it("that cannot be signed is the operator's to mend at first, and an outage later; no secret is said", async () => {
    let isDown = true;
    const password = rdsPassword({
      region: "eu-west-1",
      username: "reader",
      clock: { ...systemClock, now: () => NOW_MS },
      credentials: () =>
        isDown
          ? Promise.reject(new Error(`tried ${KEYS.secretAccessKey}`))
          : Promise.resolve({ ...KEYS, expiration: new Date(NOW_MS) }),
    });
    await expect(password(SERVER)).rejects.toMatchObject({
      code: "MR_SOURCE_REFUSED",
      detail: "source.use-iam-auth: no IAM token could be signed: Error",
    });
    isDown = false;
    await password(SERVER);
    isDown = true;
    await expect(password(SERVER)).rejects.toMatchObject({ code: "MR_SOURCE_LOST_CONNECTION" });
  });

  it("is for the region that an endpoint of RDS or Aurora names", () => {
    expect(regionOfRds(SERVER.hostname)).toBe("eu-west-1");
    expect(regionOfRds("c.cluster-abc.us-gov-west-1.rds.amazonaws.com")).toBe("us-gov-west-1");
    expect(regionOfRds("c.cluster-abc.cn-north-1.rds.amazonaws.com.cn")).toBe("cn-north-1");
    expect(regionOfRds("db.internal")).toBeNull();
    expect(regionOfRds("eu-west-1.rds.amazonaws.com.evil.test")).toBeNull();
  });
});
