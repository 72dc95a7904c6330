import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { systemClock } from "../../model/ports.ts";
import type { AwsCredentials } from "./iam-authentication.ts";
import { awsCredentials, iamAuthentication, regionOfHost } from "./iam-authentication.ts";

const HOST = "abcdefghijklmnopqrstuvwxyz.dsql.eu-west-1.on.aws";

function provider(fetch: () => Promise<AwsCredentials>, admin = true) {
  const seen = { signed: 0, failed: 0 };
  const observer = { signed: () => void (seen.signed += 1), failed: () => void (seen.failed += 1) };
  const clock = { ...systemClock, now: () => Date.parse("2026-11-21T10:00:00Z") };
  return {
    seen,
    iam: iamAuthentication({
      host: HOST,
      region: "eu-west-1",
      admin,
      credentials: fetch,
      clock,
      observer,
    }),
  };
}

const keys = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret", sessionToken: "session" };

describe("IAM tokens", () => {
  it("are signed for the host, the region and the kind of role", async () => {
    const { iam, seen } = provider(() => Promise.resolve(keys));
    const token = await iam.password({ fresh: false });
    expect(token).toMatch(new RegExp(`^${HOST}/\\?Action=DbConnectAdmin&`));
    expect(token).toContain("eu-west-1%2Fdsql%2Faws4_request");
    expect(token).toContain("X-Amz-Security-Token=session");
    expect(token).toMatch(/X-Amz-Signature=[0-9a-f]{64}/);
    const role = provider(() => Promise.resolve(keys), false);
    expect(await role.iam.password({ fresh: false })).toContain("Action=DbConnect&");
    expect(seen).toEqual({ signed: 1, failed: 0 });
  });

  it("fetch credentials once for many connections at the same time, and again when asked to or near their end", async () => {
    let fetched = 0;
    let expiration = new Date("2026-11-21T11:00:00Z");
    const { iam } = provider(() => {
      fetched += 1;
      return Promise.resolve({ ...keys, expiration });
    });
    await Promise.all(Array.from({ length: 20 }, () => iam.password({ fresh: false })));
    expect(fetched).toBe(1);
    await iam.password({ fresh: true });
    expect(fetched).toBe(2);
    expiration = new Date("2026-11-21T10:01:00Z");
    await iam.password({ fresh: true });
    await iam.password({ fresh: false });
    expect(fetched).toBe(4);
  });

  it("say what helps where the process has none", async () => {
    const missing = new Error("Could not load credentials from any providers");
    missing.name = "CredentialsProviderError";
    const { iam } = provider(() => Promise.reject(missing));
    await expect(iam.password({ fresh: false })).rejects.toMatchObject({
      detail:
        "sink.use-iam-auth: no IAM token could be signed: this process has no AWS credentials",
      remedy: expect.stringMatching(
        /AWS_ACCESS_KEY_ID.*AWS_PROFILE.*use-iam-auth: false/,
      ) as string,
      facts: { option: "sink.use-iam-auth" },
    });
  });

  it("are the operator's to mend where there never were credentials, and transient where there were", async () => {
    let broken = true;
    const { iam, seen } = provider(() =>
      broken ? Promise.reject(new Error("no credentials for secret")) : Promise.resolve(keys),
    );
    await expect(iam.password({ fresh: false })).rejects.toMatchObject({
      code: "MR_SINK_REFUSED",
      class: "config",
    });
    broken = false;
    await iam.password({ fresh: false });
    broken = true;
    await expect(iam.password({ fresh: true })).rejects.toMatchObject({ class: "transient" });
    expect(seen).toEqual({ signed: 1, failed: 2 });
  });
});

describe("the process' own credentials", () => {
  it("are read from their file again each time: keys there are exchanged while a pipeline runs", async () => {
    const file = join(mkdtempSync(join(tmpdir(), "millrace-keys-")), "credentials");
    const write = (key: string) =>
      writeFileSync(file, `[rotated]\naws_access_key_id = ${key}\naws_secret_access_key = s\n`);
    vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", file);
    vi.stubEnv("AWS_PROFILE", "rotated");
    try {
      const fetch = awsCredentials({ region: "eu-west-1", role: null });
      write("AKONE");
      expect((await fetch()).accessKeyId).toBe("AKONE");
      write("AKTWO");
      expect((await fetch()).accessKeyId).toBe("AKTWO");
    } finally {
      vi.unstubAllEnvs();
      rmSync(file);
    }
  });
});

describe("regionOfHost", () => {
  it.each([
    [HOST, "eu-west-1"],
    ["x.dsql.ap-northeast-2.on.aws", "ap-northeast-2"],
    ["x.dsql-gamma.us-east-1.on.aws", "us-east-1"],
    ["localhost", null],
    ["10.0.0.1", null],
    ["evil.dsql.us-east-1.on.aws.example.org", null],
  ])("of %s is %s", (host, region) => {
    expect(regionOfHost(host)).toBe(region);
  });
});
