import { describe, expect, it } from "vitest";
import { retryOf } from "./call-policy.ts";
import { ServiceFault, type FaultKind } from "./service-fault.ts";

const kindOf = (code: string, status?: number, message = ""): FaultKind =>
  new ServiceFault(code, message, status === undefined ? {} : { status }).kind;

describe("the kind of a refusal", () => {
  it("is its code's, whatever status it came with", () => {
    expect(kindOf("ProvisionedThroughputExceededException", 400)).toBe("throttled");
    expect(kindOf("LimitExceededException", 400)).toBe("throttled");
    expect(kindOf("InternalServerError", 500)).toBe("lost");
    expect(kindOf("ExpiredTokenException", 400)).toBe("credentials");
    expect(kindOf("TrimmedDataAccessException", 400)).toBe("trimmed");
    expect(kindOf("ExpiredIteratorException", 400)).toBe("expired-iterator");
    expect(kindOf("ResourceNotFoundException", 400)).toBe("missing");
    expect(kindOf("KMSDisabledException", 400)).toBe("rights");
  });

  it("is the clock's where a signature is too old or too young, or the signer has set its clock", () => {
    expect(kindOf("InvalidSignatureException", 400, "Signature expired: 2026 is now")).toBe("skew");
    expect(kindOf("InvalidSignatureException", 400, "does not match")).toBe("credentials");
    expect(kindOf("SignatureDoesNotMatch", 403, "Signature expired: 2026 is now")).toBe("skew");
    expect(kindOf("SignatureDoesNotMatch", 403, "does not match")).toBe("credentials");
    const fault = new ServiceFault("AccessDeniedException", "", { status: 403 });
    fault.$metadata.clockSkewCorrected = true;
    expect(fault.kind).toBe("skew");
  });

  it("of a code that nobody knows goes by the status: what may pass is tried again", () => {
    expect(kindOf("ECONNRESET")).toBe("lost");
    expect(kindOf("SomethingNew", 503)).toBe("lost");
    expect(kindOf("SomethingNew", 429)).toBe("throttled");
    expect(kindOf("SomethingNew", 400)).toBe("refused");
  });
});

describe("trying again", () => {
  it("ends after a few tries, further apart each time", () => {
    const pauses = [0, 1, 2, 3].map(
      (attempt) => retryOf("lost", attempt, "tell")?.ceilingMs ?? null,
    );
    expect(pauses).toEqual([50, 100, 200, null]);
    expect(retryOf("throttled", 0, "tell")).toBeNull();
    expect(retryOf("throttled", 6, "wait")).toEqual({ ceilingMs: 5_000, renew: false });
    expect(retryOf("throttled", 7, "wait")).toBeNull();
  });

  it("reads credentials anew once", () => {
    expect(retryOf("credentials", 0, "tell")).toEqual({ ceilingMs: 0, renew: true });
    expect(retryOf("credentials", 1, "tell")).toBeNull();
  });
});
