import { describe, expect, it } from "vitest";
import { type Carrier, carrierLoss } from "./carriers.ts";

const carrier: Carrier = { publication: "10", altered: "700", owner: "5", ways: ["table 20"] };
const now = (changed: Partial<Carrier> = {}, leavesOut: readonly string[] = []) => ({
  carrier: { ...carrier, ...changed },
  leavesOut,
});

describe("a table's changes", () => {
  it("cannot be missing while the same entry of the same publication covers it", () => {
    expect(carrierLoss(carrier, now())).toBeNull();
    expect(carrierLoss(carrier, now({ ways: ["schema 30", "table 20"] }))).toBeNull();
  });

  it("are not judged before they were carried for the first time", () => {
    expect(carrierLoss(null, now())).toBeNull();
  });

  it.each([
    ["nothing covers it", now({ ways: [] }), /is not in/],
    ["another entry covers it", now({ ways: ["table 21"] }), /left the publication/],
    ["the publication is another one", now({ publication: "11" }), /dropped and made again/],
    ["a kind of change is left out", now({}, ["delete"]), /without delete/],
    ["options were set meanwhile", now({ altered: "701" }), /options/],
  ])("may be missing where %s", (_, found, why) => {
    expect(carrierLoss(carrier, found)).toMatch(why);
  });

  it("are all there after a change of the publication's owner", () => {
    expect(carrierLoss(carrier, now({ altered: "701", owner: "6" }))).toBeNull();
  });
});
