import { describe, expect, it } from "vitest";
import type { Clock } from "../model/ports.ts";
import { Cluster } from "./cluster.ts";
import { KafkaFault } from "./kafka-fault.ts";

/** Time that passes only while somebody sleeps; remembers how long each slept, milliseconds. */
function sleeper(): { readonly clock: Clock; readonly slept: number[] } {
  const slept: number[] = [];
  let nowMs = 0;
  const clock: Clock = {
    now: () => nowMs,
    monotonic: () => nowMs,
    sleep: async (ms) => {
      slept.push(ms);
      nowMs += ms;
      await Promise.resolve();
    },
  };
  return { clock, slept };
}

/** Sleeps between attempts of which the last one goes well. */
async function pausesOf(id: string, failures: number): Promise<readonly number[]> {
  const { clock, slept } = sleeper();
  const cluster = new Cluster({
    bootstrap: [],
    clientId: "test",
    tls: null,
    sasl: null,
    connectTimeoutMs: 1_000,
    requestTimeoutMs: 1_000,
    clock,
  });
  let left = failures;
  const attempt = (): Promise<string> =>
    left-- > 0 ? Promise.reject(new KafkaFault("retriable", id, "of a test")) : Promise.resolve("");
  await cluster.patiently(60_000, attempt);
  return slept;
}

describe("a cluster's patience", () => {
  it("doubles its pauses up to a second", async () => {
    const pauses = await pausesOf("NOT_ENOUGH_REPLICAS", 8);
    expect(pauses).toEqual([20, 40, 80, 160, 320, 640, 1_000, 1_000]);
  });

  it("begins at a millisecond behind a transaction that is being ended", async () => {
    expect(await pausesOf("CONCURRENT_TRANSACTIONS", 5)).toEqual([1, 2, 4, 8, 16]);
  });
});
