import { ProtocolError } from "@platformatic/kafka";
import { describe, expect, it } from "vitest";
import { faultFrom } from "./fault-from.ts";

const said = (id: string): string => faultFrom(new ProtocolError(id), "b:9092").message;

describe("what a broker refuses without a word", () => {
  it("is told in Kafka's own words", () => {
    expect(said("NOT_CONTROLLER")).toBe(
      "NOT_CONTROLLER: This is not the correct controller for this cluster (broker b:9092)",
    );
  });

  it("is told by what is behind it where a run that begins meets it while replicas are missing", () => {
    expect(said("OFFSET_NOT_AVAILABLE")).toMatch(/too few replicas.*min\.insync\.replicas/);
  });
});
