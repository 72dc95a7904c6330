import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { clientsOf, makeTable, start, type Clients, type Started } from "../testing/clients.ts";

const ROLE = "arn:aws:iam::222222222222:role/reader";

let started: Started;
beforeAll(async () => {
  started = await start();
});
afterAll(() => started[Symbol.asyncDispose]());

async function assumed(
  RoleArn = ROLE,
  more: { ExternalId?: string; DurationSeconds?: number } = {},
): Promise<Clients> {
  const { Credentials } = await started.sts.assumeRole({
    RoleArn,
    RoleSessionName: "test",
    ...more,
  });
  return clientsOf(started.local.url, {
    accessKeyId: Credentials?.AccessKeyId ?? "",
    secretAccessKey: Credentials?.SecretAccessKey ?? "",
    sessionToken: Credentials?.SessionToken ?? "",
  });
}

function tokenOf(claims: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "RS256" })}.${part(claims)}.c2lnbmF0dXJl`;
}

describe("an assumed role", () => {
  it("acts in its own account until its time is over", async () => {
    const role = await assumed();
    const identity = await role.sts.getCallerIdentity({});
    expect(identity).toMatchObject({
      Account: "222222222222",
      Arn: "arn:aws:sts::222222222222:assumed-role/reader/test",
    });
    await makeTable(role.dynamodb, "theirs");
    const own = started.dynamodb.describeTable({ TableName: "theirs" });
    await expect(own).rejects.toMatchObject({ name: "ResourceNotFoundException" });
    started.local.control.shiftClock(3_600_000 + 1_000);
    await expect(role.dynamodb.listTables({})).rejects.toMatchObject({
      name: "ExpiredTokenException",
      message: "The security token included in the request is expired",
    });
    started.local.control.shiftClock(-3_601_000);
  });

  it("is refused to who does not say the external id, or is somebody else", async () => {
    const arn = "arn:aws:iam::333333333333:role/path/guarded";
    started.local.control.putRole({
      arn,
      externalId: "secret",
      principals: ["arn:aws:iam::123456789012:user/*"],
      maxSessionSeconds: 1_800,
    });
    await expect(assumed(arn)).rejects.toMatchObject({ name: "AccessDenied" });
    await expect(assumed(arn, { ExternalId: "secret" })).rejects.toThrow(
      "exceeds the MaxSessionDuration",
    );
    const more = { ExternalId: "secret", DurationSeconds: 1_800 };
    await expect(assumed(arn, more)).resolves.toBeDefined();
    const others = clientsOf(started.local.url, { accessKeyId: "444444444444" });
    const refused = others.sts.assumeRole({ RoleArn: arn, RoleSessionName: "test", ...more });
    await expect(refused).rejects.toThrow(
      `User: arn:aws:iam::444444444444:user/444444444444 is not authorized to perform: sts:AssumeRole on resource: ${arn}`,
    );
  });

  it("is not had for less than 900 seconds, nor with another's session token", async () => {
    await expect(assumed(ROLE, { DurationSeconds: 60 })).rejects.toThrow(
      "greater than or equal to 900",
    );
    const { Credentials } = await started.sts.assumeRole({
      RoleArn: ROLE,
      RoleSessionName: "test",
    });
    const forged = clientsOf(started.local.url, {
      accessKeyId: Credentials?.AccessKeyId ?? "",
      secretAccessKey: Credentials?.SecretAccessKey ?? "",
      sessionToken: "another",
    });
    await expect(forged.dynamodb.listTables({})).rejects.toMatchObject({
      name: "UnrecognizedClientException",
    });
  });
});

describe("a web identity", () => {
  it("becomes a role while its token lives", async () => {
    const asked = { RoleArn: ROLE, RoleSessionName: "web" };
    const seconds = Math.floor(started.local.control.nowMs() / 1_000);
    const WebIdentityToken = tokenOf({ iss: "https://issuer", sub: "me", exp: seconds + 60 });
    await using own = await start();
    const answer = await own.sts.assumeRoleWithWebIdentity({ ...asked, WebIdentityToken });
    expect(answer).toMatchObject({ SubjectFromWebIdentityToken: "me", Provider: "https://issuer" });
    const late = own.sts.assumeRoleWithWebIdentity({
      ...asked,
      WebIdentityToken: tokenOf({ exp: seconds - 1 }),
    });
    await expect(late).rejects.toMatchObject({ name: "ExpiredTokenException" });
    const none = own.sts.assumeRoleWithWebIdentity({ ...asked, WebIdentityToken: "nonsense" });
    await expect(none).rejects.toMatchObject({ name: "InvalidIdentityTokenException" });
  });
});

describe("keys that are named", () => {
  it("are the only ones, and must sign rightly and in time", async () => {
    await using own = await start({
      credentials: [
        { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "right", account: "555555555555" },
      ],
    });
    const as = (accessKeyId: string, secretAccessKey: string): Clients =>
      clientsOf(own.local.url, { accessKeyId, secretAccessKey });
    const right = as("AKIDEXAMPLE", "right");
    expect(await right.sts.getCallerIdentity({})).toMatchObject({ Account: "555555555555" });
    await expect(right.dynamodb.listTables({})).resolves.toBeDefined();
    await expect(as("AKIDEXAMPLE", "wrong").dynamodb.listTables({})).rejects.toMatchObject({
      name: "InvalidSignatureException",
    });
    await expect(as("OTHER", "right").dynamodb.listTables({})).rejects.toMatchObject({
      name: "UnrecognizedClientException",
      message: "The security token included in the request is invalid.",
    });
    own.local.control.shiftClock(16 * 60_000);
    await expect(right.dynamodb.listTables({})).rejects.toThrow(
      /^Signature expired: \d{8}T\d{6}Z is now earlier than/,
    );
    own.local.control.shiftClock(-32 * 60_000);
    await expect(as("AKIDEXAMPLE", "right").dynamodb.listTables({})).rejects.toThrow(
      /^Signature not yet current/,
    );
  });
});
