import { beforeEach, describe, expect, it } from "vitest";
import type { Clock } from "../../model/ports.ts";
import { Credentials, type SigningKeys } from "./credentials.ts";

const MINUTE_MS = 60_000;

let nowMs: number;
let reads: number;
let given: () => Promise<SigningKeys>;
let credentials: Credentials;

beforeEach(() => {
  nowMs = 1_700_000_000_000;
  reads = 0;
  const clock: Clock = {
    now: () => nowMs,
    monotonic: () => nowMs,
    sleep: () => Promise.reject(new Error("nobody waits here")),
  };
  credentials = new Credentials(() => {
    reads++;
    return given();
  }, clock);
});

/** The source has such keys from now on. */
function give(accessKeyId: string, leftMs: number): void {
  const expiration = new Date(nowMs + leftMs);
  given = () => Promise.resolve({ accessKeyId, secretAccessKey: "secret", expiration });
}

function fail(): void {
  given = () => Promise.reject(new Error("the source is away"));
}

async function used(): Promise<string> {
  return (await credentials.provider()).accessKeyId;
}

describe("keys that end within five minutes", () => {
  beforeEach(async () => {
    give("first", 60 * MINUTE_MS);
    await used();
    nowMs += 56 * MINUTE_MS;
  });

  it("are used on where their source is away, until they end", async () => {
    fail();
    expect([await used(), await used()]).toEqual(["first", "first"]);
    expect(reads).toBe(2);
    nowMs += 5_000;
    expect([await used(), reads]).toEqual(["first", 3]);
    nowMs += 4 * MINUTE_MS;
    await expect(used()).rejects.toThrow("away");
    await expect(used()).rejects.toThrow("away");
    give("second", 60 * MINUTE_MS);
    expect(await used()).toBe("second");
  });

  it("are asked for once in some seconds where their source has nothing newer", async () => {
    give("same", 4 * MINUTE_MS);
    for (let i = 0; i < 10; i++) await used();
    expect(reads).toBe(2);
    nowMs += 5_000;
    give("newer", 60 * MINUTE_MS);
    expect([await used(), reads]).toEqual(["newer", 3]);
  });

  it("are not used on where they were refused", async () => {
    credentials.renew();
    fail();
    await expect(used()).rejects.toThrow("away");
  });
});

describe("keys that were refused", () => {
  it("are read anew at once", async () => {
    give("first", 60 * MINUTE_MS);
    await used();
    give("second", 60 * MINUTE_MS);
    expect(await used()).toBe("first");
    credentials.renew();
    expect(await used()).toBe("second");
  });
});
