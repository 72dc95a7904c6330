import { afterEach, describe, expect, it } from "vitest";
import { MillraceError } from "../../errors/millrace-error.ts";
import { silentLogger } from "../../model/ports.ts";
import type { DynamoApi, TableDescription } from "./api.ts";
import { MESSAGE_COLUMNS } from "./columns-options.ts";
import { CONNECTION_DEFAULTS } from "./config.ts";
import type { DynamoSourceOptions } from "./options.ts";
import { DynamoShares } from "./shares.ts";

const PERIOD_MS = 60_000;
const HOUR_MS = 3_600_000;

const OPTIONS: DynamoSourceOptions = {
  connection: { ...CONNECTION_DEFAULTS, region: "eu-west-1" },
  discovery: {
    choice: { by: "tags", ingestionKey: "i", environmentKey: "e", environmentValues: ["dev"] },
    periodMs: PERIOD_MS,
    graceMs: 2 * PERIOD_MS,
    bothImages: false,
  },
  scan: {
    delayMs: 0,
    segments: 1,
    consistent: true,
    capacityShare: 0.5,
    maxUnits: null,
    restartAfterMs: 19 * HOUR_MS,
  },
  stream: {
    readEveryMs: 200,
    idlePollMs: 1_000,
    shardDiscoveryMs: 60_000,
    safeZoneMs: 20 * HOUR_MS,
    overlapMs: HOUR_MS,
  },
  startup: { mode: "initial" },
  columns: MESSAGE_COLUMNS,
  onLoss: "resync",
};

/** What AWS says, look by look: names of tables, or an error. */
type Answer = readonly string[] | MillraceError;

let stop = new AbortController();
afterEach(() => {
  stop.abort();
  stop = new AbortController();
});

function sharesOver(answers: readonly Answer[], views: Readonly<Record<string, "KEYS_ONLY">> = {}) {
  let nowMs = 0;
  let looks = 0;
  const api = {
    taggedTables: () => {
      const answer = answers[Math.min(looks++, answers.length - 1)] ?? [];
      return answer instanceof MillraceError ? Promise.reject(answer) : Promise.resolve(answer);
    },
    describeTable: (name: string) => Promise.resolve(described(name, views[name] ?? "NEW_IMAGE")),
    close: () => Promise.resolve(),
  };
  const clock = {
    now: () => nowMs,
    monotonic: () => nowMs,
    sleep: (ms: number) => {
      nowMs += ms;
      if (looks > 20) return new Promise<void>(() => undefined);
      return Promise.resolve();
    },
  };
  const context = { pipeline: "test", clock, random: Math.random, log: silentLogger };
  const open = (): never => {
    throw new Error("nothing is opened here");
  };
  const shares = new DynamoShares(OPTIONS, context, {
    api: api as Partial<DynamoApi> as DynamoApi,
    open,
  });
  return { shares, told: shares.shares(stop.signal)[Symbol.asyncIterator](), at: () => nowMs };
}

function described(name: string, view: "NEW_IMAGE" | "KEYS_ONLY"): TableDescription {
  return {
    name,
    arn: `arn:aws:dynamodb:eu-west-1:123456789012:table/${name}`,
    tableId: name,
    status: "ACTIVE",
    key: [{ name: "id", type: "S" }],
    stream: { arn: `stream of ${name}`, view },
    latestStreamArn: `stream of ${name}`,
    itemCount: 0,
    sizeBytes: 0,
    readUnits: 0,
    maxReadUnits: null,
  };
}

const BUSY = new MillraceError("MR_SOURCE_THROTTLED", "GetResources is busy");

describe("shares of DynamoDB", () => {
  it("are its tables, told again where one came or has been away for the grace", async () => {
    const { told, at } = sharesOver([["a"], ["a"], ["a", "b"], ["b"]]);
    expect((await told.next()).value).toEqual(new Set(["a"]));
    expect((await told.next()).value).toEqual(new Set(["a", "b"]));
    expect(at()).toBe(2 * PERIOD_MS);
    expect((await told.next()).value).toEqual(new Set(["b"]));
    expect(at()).toBe(5 * PERIOD_MS);
  });

  it("outlive looks that fail, which are told for as long as they do", async () => {
    const { told, shares } = sharesOver([BUSY, BUSY, ["a"], BUSY, BUSY, BUSY, ["a", "b"]]);
    const first = told.next();
    await Promise.resolve();
    expect((await first).value).toEqual(new Set(["a"]));
    expect(shares.waits()).toEqual([]);
    expect((await told.next()).value).toEqual(new Set(["a", "b"]));
    expect(shares.waits()).toEqual([]);
  });

  it("say what cannot be looked for, and since when", async () => {
    const { told, shares, at } = sharesOver([["a"], BUSY]);
    await told.next();
    void told.next();
    await expect.poll(() => at()).toBeGreaterThan(5 * PERIOD_MS);
    expect(shares.waits()).toMatchObject([
      { what: "pipeline", reason: "discovery", table: null, sinceMs: PERIOD_MS },
    ]);
    expect(shares.waits()[0]?.why).toContain("GetResources is busy");
  });

  it("leave tables out whose streams do not tell enough, and say which", async () => {
    const { told, shares } = sharesOver([["a", "keys"]], { keys: "KEYS_ONLY" });
    expect((await told.next()).value).toEqual(new Set(["a"]));
    expect(shares.waits()).toMatchObject([
      { what: "table", reason: "left-out", table: "public.keys", sinceMs: 0 },
    ]);
  });
});
