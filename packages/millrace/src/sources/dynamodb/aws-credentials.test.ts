import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { makeTable } from "../../../../dynamodb-local/src/testing/clients.ts";
import type { DynamoConnection } from "./config.ts";
import { apiOf, connectionTo, type LocalApi, startLocalApi } from "./local-api.fixture.ts";

const HOUR_MS = 3_600_000;
const KEYS = { accessKeyId: "AKIATEST", secretAccessKey: "of the test" };
const ROLE = "arn:aws:iam::222222222222:role/reader";

let started: LocalApi;
beforeAll(async () => {
  // Keys that it knows are held to their signatures.
  started = await startLocalApi({ credentials: [KEYS] });
});
afterAll(() => started[Symbol.asyncDispose]());
afterEach(() => started.local.control.reset());

function connection(more: Partial<DynamoConnection["credentials"]> = {}): DynamoConnection {
  return connectionTo(started.local.url, { keys: { ...KEYS, sessionToken: null }, ...more });
}

async function accountBy(how: DynamoConnection): Promise<string> {
  const api = apiOf(how);
  try {
    return await api.account();
  } finally {
    await api.close();
  }
}

const role = (externalId: string | null = null) => ({
  role: { arn: ROLE, externalId, sessionName: "millrace-shop" },
});

describe("credentials", () => {
  it("of a file's own keys are those that requests are signed with", async () => {
    expect(await accountBy(connection())).toBe("123456789012");
    const keys = { ...KEYS, secretAccessKey: "another one", sessionToken: null };
    await expect(accountBy(connection({ keys }))).rejects.toMatchObject({
      code: "MR_SOURCE_REFUSED",
      class: "transient",
    });
  });

  it("of a role are asked for with its external id, and are of its account", async () => {
    const principals = ["arn:aws:iam::123456789012:*"];
    const trusted = { arn: ROLE, externalId: "ours", principals, maxSessionSeconds: 3_600 };
    started.local.control.putRole(trusted);
    await expect(accountBy(connection(role()))).rejects.toMatchObject({
      code: "MR_SOURCE_REFUSED",
      remedy: expect.stringContaining("trust"),
    });
    expect(await accountBy(connection(role("ours")))).toBe("222222222222");
  });

  it("of a profile are those that the shared files have under its name", async () => {
    const folder = await mkdtemp(join(tmpdir(), "millrace-profile-"));
    const of = (name: string, secret: string): string =>
      `[${name}]\naws_access_key_id = ${KEYS.accessKeyId}\naws_secret_access_key = ${secret}\n`;
    const file = join(folder, "credentials");
    await writeFile(file, `${of("shop", KEYS.secretAccessKey)}${of("other", "another one")}`);
    vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", file);
    vi.stubEnv("AWS_CONFIG_FILE", join(folder, "config"));
    try {
      const by = (profile: string) => accountBy(connection({ keys: null, profile }));
      expect(await by("shop")).toBe("123456789012");
      await expect(by("other")).rejects.toMatchObject({ code: "MR_SOURCE_REFUSED" });
      await expect(by("nobody")).rejects.toMatchObject({ code: "MR_SOURCE_REFUSED" });
    } finally {
      vi.unstubAllEnvs();
      await rm(folder, { recursive: true });
    }
  });

  it("of a web identity are those of the role that its token gets", async () => {
    const folder = await mkdtemp(join(tmpdir(), "millrace-token-"));
    const webIdentityTokenFile = join(folder, "token");
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const claims = { sub: "system:serviceaccount:cdc:millrace", iss: "https://issuer", aud: "sts" };
    await writeFile(webIdentityTokenFile, `${part({ alg: "RS256" })}.${part(claims)}.c2ln`);
    const how = connection({ keys: null, webIdentityTokenFile, ...role() });
    expect(await accountBy(how)).toBe("222222222222");
    await rm(folder, { recursive: true });
  });

  it("that have ended are read anew, and the call is made again", async () => {
    const { control } = started.local;
    const api = apiOf(connection(role()));
    expect(await api.account()).toBe("222222222222");
    // Its clock alone goes on: here they are good for an hour still.
    control.shiftClock(HOUR_MS + 60_000);
    expect(await api.account()).toBe("222222222222");
    const told = control.calls().map(({ action, error }) => error ?? action);
    // The role's own client sets its clock by a refusal first.
    expect(told.filter((what) => what !== "InvalidSignatureException")).toEqual([
      "AssumeRole",
      "GetCallerIdentity",
      "ExpiredTokenException",
      "AssumeRole",
      "GetCallerIdentity",
    ]);
    await api.close();
  });

  it("are read once for all services", async () => {
    const api = apiOf(connection(role()));
    await Promise.all([api.account(), api.taggedTables([{ key: "none" }]), api.account()]);
    const assumed = started.local.control.calls().filter(({ action }) => action === "AssumeRole");
    expect(assumed).toHaveLength(1);
    await api.close();
  });

  it("sign by the service's clock where this machine's is wrong", async () => {
    const api = apiOf(connection());
    started.local.control.shiftClock(6 * HOUR_MS);
    await expect(api.taggedTables([{ key: "none" }])).resolves.toEqual([]);
    started.local.control.shiftClock(-12 * HOUR_MS);
    await expect(api.taggedTables([{ key: "none" }])).resolves.toEqual([]);
    await api.close();
  });
});

describe("one endpoint for each service", () => {
  it("is where that service is asked", async () => {
    await using other = await startLocalApi();
    await makeTable(other.dynamodb, "there");
    const here = connection();
    const how = { ...here, endpoints: { ...here.endpoints, dynamodb: other.local.url } };
    const api = apiOf(how);
    await api.describeTable("there");
    await api.taggedTables([{ key: "none" }]);
    const actions = (of: LocalApi) => of.local.control.calls().map(({ action }) => action);
    expect(actions(other)).toContain("DescribeTable");
    expect(actions(other)).not.toContain("GetResources");
    expect(actions(started)).toEqual(["GetResources"]);
    await api.close();
  });
});

describe("the endpoint of STS", () => {
  it("is where roles are asked for", async () => {
    await using other = await startLocalApi();
    const here = connection(role());
    const api = apiOf({ ...here, endpoints: { ...here.endpoints, sts: other.local.url } });
    // Whose keys another one gave out it does not know.
    await expect(api.taggedTables([{ key: "none" }])).rejects.toMatchObject({
      code: "MR_SOURCE_REFUSED",
    });
    const actions = (of: LocalApi) => of.local.control.calls().map(({ action }) => action);
    expect(new Set(actions(other))).toEqual(new Set(["AssumeRole"]));
    expect(new Set(actions(started))).toEqual(new Set(["GetResources"]));
    await api.close();
  });
});

describe("an address where nothing listens", () => {
  it("is a connection that is lost, with what to correct", async () => {
    const how = { ...connection(), endpoints: connectionTo("http://127.0.0.1:1").endpoints };
    await expect(accountBy(how)).rejects.toMatchObject({
      code: "MR_SOURCE_LOST_CONNECTION",
      class: "transient",
      remedy: expect.stringContaining("endpoint"),
    });
  });
});
