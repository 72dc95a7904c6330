import { expect, it } from "vitest";
import { LogRest } from "./log-rest.ts";
import { deafObserver } from "./observer.ts";
import { instantClock, tableOf } from "./pipeline-parts.fixture.ts";
import { Waits } from "./waits.ts";

const signal = new AbortController().signal;

it("lets the log go on after a while, since a snapshot may wait for what the log tells; next time later", async () => {
  const clock = instantClock();
  const waits = new Waits(clock);
  const rest = new LogRest({ clock, random: () => 1, observer: deafObserver, waits, signal });
  const table = tableOf();
  const restsOf = async () => {
    const window = table.windows.open(100);
    rest.watch(table, window);
    window.strike("k");
    const before = clock.now();
    await rest.over();
    expect(rest.wanted).toBe(false);
    return clock.now() - before;
  };
  expect(await restsOf()).toBe(10_000);
  await rest.failed(table, signal);
  expect(await restsOf()).toBe(20_000);
  for (let i = 0; i < 10; i++) await rest.failed(table, signal);
  expect(await restsOf()).toBe(300_000);
});
