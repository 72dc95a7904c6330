import { expect, it } from "vitest";
import { TableWaits } from "./table-waits.ts";

it("a load whose reads are refused names the option that makes it read less", () => {
  const waits = new TableWaits({ now: () => 7 });
  const [wait] = waits.list({ isScanRefused: true, unlisted: [], gap: undefined, misfits: [] });
  expect(wait).toMatchObject({ what: "load", reason: "throttled", sinceMs: 7 });
  expect(wait?.why).toContain("a smaller init.sync.read-capacity.share leaves more to others");
});

it("a stream is throttled as long as one of its shards is, whatever the others answer", () => {
  const waits = new TableWaits({ now: () => 7 });
  const facts = { isScanRefused: false, unlisted: [], gap: undefined, misfits: [] };
  waits.throttled("one", true);
  waits.throttled("other", true);
  waits.throttled("other", false);
  expect(waits.list(facts)).toMatchObject([{ what: "log", reason: "throttled" }]);
  expect(waits.list(facts)[0]?.why).toContain("records of one any faster");
  waits.throttled("one", false);
  expect(waits.list(facts)).toEqual([]);
});
