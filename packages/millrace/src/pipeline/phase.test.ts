import { describe, expect, it } from "vitest";
import { phaseOf } from "./phase.ts";

const sync = { document: { state: "SYNC" }, loaded: true };
const loading = { document: { state: "INIT_SYNC" }, loaded: false };
const handing = { document: { state: "INIT_SYNC" }, loaded: true };

describe("the phase of a pipeline", () => {
  it("is SYNC once every table is", () => {
    expect(phaseOf([sync, sync])).toBe("SYNC");
  });
  it("is INIT_SYNC while one is being loaded and none waits for the frontier", () => {
    expect(phaseOf([sync, loading])).toBe("INIT_SYNC");
  });
  it("is HANDOVER while a loaded table waits for the frontier to pass its end, whatever the others do", () => {
    expect(phaseOf([handing, sync])).toBe("HANDOVER");
    expect(phaseOf([loading, handing, sync])).toBe("HANDOVER");
  });
});
