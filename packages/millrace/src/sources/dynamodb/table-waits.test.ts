import { expect, it } from "vitest";
import { TableWaits } from "./table-waits.ts";

it("a load whose reads are refused names the option that makes it read less", () => {
  const waits = new TableWaits({ now: () => 7 });
  const [wait] = waits.list({ isScanRefused: true, unlisted: [], gap: undefined, misfits: [] });
  expect(wait).toMatchObject({ what: "load", reason: "throttled", sinceMs: 7 });
  expect(wait?.why).toContain("a smaller init.sync.read-capacity.share leaves more to others");
});
