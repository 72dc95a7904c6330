import { describe, expect, it } from "vitest";
import { ServiceClock } from "./service-clock.ts";

describe("the service's clock", () => {
  it("is not behind its end, however long ago an answer was made when it is read", () => {
    let ms = 5_000;
    const clock = new ServiceClock({ now: () => ms, monotonic: () => ms });
    const told = clock.asking();
    // Answered at once, read a minute later: it is a minute later at the service.
    ms += 60_000;
    told(1_000_000);
    expect(clock.nowMs()).toBe(1_000_000);
    expect(clock.endMs()).toBe(1_061_000);
    ms += 500;
    expect(clock.endMs()).toBe(1_061_500);
  });

  it("is this machine's where nobody has answered yet", () => {
    const clock = new ServiceClock({ now: () => 7_000, monotonic: () => 0 });
    expect([clock.nowMs(), clock.endMs()]).toEqual([7_000, 8_000]);
  });
});
