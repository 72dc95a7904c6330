import { AuthenticationError, NetworkError, ProtocolError, UserError } from "@platformatic/kafka";
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

it("a name that nobody knows is told as such, without the port", () => {
  const gone = (code: string) => faultFrom(Object.assign(new Error(code), { code }), "b.test:9092");
  expect(gone("ENOTFOUND").message).toBe("there is no host of the name b.test");
  expect(gone("EAI_AGAIN").message).toMatch(/^the name b\.test cannot be looked up/);
});

describe("what befalls a login", () => {
  const login = (cause?: Error): AuthenticationError =>
    new AuthenticationError("SASL authentication failed.", cause === undefined ? {} : { cause });

  it("is a refusal where the broker refuses, or does not prove that it knows the password", () => {
    const refused = { kind: "config", id: "SASL_AUTHENTICATION_FAILED" };
    expect(faultFrom(login(), "b:9092")).toMatchObject(refused);
    const answered = login(new ProtocolError("SASL_AUTHENTICATION_FAILED"));
    expect(faultFrom(answered, "b:9092")).toMatchObject(refused);
  });

  it("is a lost connection where the broker goes away meanwhile: it may be tried again", () => {
    const closed = new NetworkError("Connection closed");
    expect(faultFrom(login(closed), "b:9092").kind).toBe("connection");
    const reset = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
    expect(faultFrom(login(reset), "b:9092").kind).toBe("connection");
  });

  it("is a lost connection in the TLS handshake before it, too", () => {
    const words = "TLS handshake failed. Please verify the broker supports TLS.";
    const cut = new NetworkError("Connection to b:9092 failed.", { cause: new UserError(words) });
    const fault = faultFrom(cut, "b:9092");
    expect([fault.kind, fault.message]).toEqual([
      "connection",
      "broker b:9092 has closed the connection",
    ]);
  });
});
